"""Reading the configuration of the operator, with an error that names the field, its value and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from plimsoll.api.configuration import OperatorConfiguration
from plimsoll.api.crd import structural
from plimsoll.api.parts import Schema, completed
from plimsoll.api.quoting import quoted
from plimsoll.api.validate import Problem, misfits
from plimsoll.errors import UserError

_MOST_TOLD = 5
_LONGEST_VALUE = 100


class BadConfiguration(UserError):
    """The file says something that the operator cannot follow."""


@cache
def configuration_schema() -> Schema:
    """Shared: callers must not change it."""
    return structural(OperatorConfiguration)


def parse_configuration(document: object) -> OperatorConfiguration:
    """From what a YAML or JSON file holds. Raises BadConfiguration."""
    if not isinstance(document, Mapping):
        raise BadConfiguration(
            f"the configuration is {_kind(document)} and not a mapping of fields to values",
            fix="begin with `images:` and the image of plimsoll; docs/reference/configuration.md has every field",
        )
    whole = completed(dict(document), configuration_schema())
    problems = _innermost(list(misfits(whole, configuration_schema(), OperatorConfiguration)))
    if problems:
        raise _bad(problems)
    return OperatorConfiguration.model_validate(whole)


def _innermost(problems: list[Problem]) -> list[Problem]:
    """What is wrong inside of a list also makes the list wrong; once is enough."""
    fields = [problem.field for problem in problems]
    return [
        each for each in problems if not any(field.startswith((f"{each.field}.", f"{each.field}[")) for field in fields)
    ]


def _bad(problems: list[Problem]) -> BadConfiguration:
    told = [_told(problem) for problem in problems[:_MOST_TOLD]]
    if len(problems) > _MOST_TOLD:
        told.append(f"and {len(problems) - _MOST_TOLD} more")
    fixes = dict.fromkeys(problem.fix for problem in problems[:_MOST_TOLD] if problem.fix)
    return BadConfiguration("; ".join(told), fix="; ".join(fixes) or "see docs/reference/configuration.md")


def _told(problem: Problem) -> str:
    wrong = problem.message.partition(": ")[0]
    if problem.rule == "rule":
        return f"{problem.field}: {wrong}" if problem.field else wrong
    if problem.value is None:
        return f"{problem.field}: {wrong}"
    return f"{problem.field} is {quoted(str(problem.value), _LONGEST_VALUE)}: {wrong}"


def _kind(document: object) -> str:
    return "empty" if document is None else f"of type {type(document).__name__}"
