"""Jinja as Hugging Face's templates expect it: a sandbox, and the few extras that they use."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn

from jinja2 import nodes
from jinja2.exceptions import TemplateError as JinjaError
from jinja2.exceptions import TemplateSyntaxError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from plimsoll.runtime.confined.child import Refusal

# What Jinja calls the file of a template that came as text.
_FILE = "<template>"


class _Generation(Extension):
    """`{% generation %}` marks for training what the assistant says; here its body is all there is."""

    tags = {"generation"}  # noqa: RUF012 - Jinja declares it so

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def environment(now: Callable[[], datetime]) -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols], cache_size=0
    )
    made.filters["tojson"] = _to_json
    # There is no HTML in a prompt: what Jinja calls safe would escape all that is joined with it.
    made.filters["safe"] = str
    made.globals["raise_exception"] = _refuse
    made.globals["strftime_now"] = lambda form: now().strftime(form)
    return made


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Jinja's own would write `<` and `&` for a page in a browser."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


class TemplateSaysNo(JinjaError):
    """The template called `raise_exception`."""


def _refuse(message: object) -> NoReturn:
    raise TemplateSaysNo(str(message))


def refusal(error: Exception) -> Refusal:
    """In words for who sent the messages."""
    if isinstance(error, TemplateSaysNo):
        return Refusal(f"the chat template refuses these messages: {_short(str(error))}")
    line = _line(error)
    where = f" in line {line}" if line else ""
    return Refusal(f"the chat template fails{where}: {type(error).__name__}: {_short(str(error))}")


def _line(error: Exception) -> int | None:
    """Of the template, where it was at last."""
    if isinstance(error, TemplateSyntaxError):
        return error.lineno
    line, step = None, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == _FILE:
            line = step.tb_lineno
        step = step.tb_next
    return line


def _short(text: str) -> str:
    return text if len(text) <= 500 else text[:500] + " …"
