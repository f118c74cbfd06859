"""What a template can say is found out by trying it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from jinja2 import TemplateError as JinjaError

from plimsoll.runtime.templates.environment import environment
from plimsoll.runtime.templates.messages import Declared
from plimsoll.runtime.templates.renderer import CHATML
from plimsoll.runtime.templates.trials import declared


def _declared(source: str) -> Declared:
    template = environment(lambda: datetime.fromtimestamp(0, UTC)).from_string(source)

    async def attempt(values: dict[str, Any]) -> str | None:
        try:
            return template.render(**values)
        except (JinjaError, TypeError):
            return None

    return asyncio.run(declared(attempt, source))


def test_chatml_takes_text_and_a_system_prompt_and_nothing_else() -> None:
    assert _declared(CHATML) == Declared()


def test_a_template_that_writes_the_functions_declares_tools() -> None:
    assert _declared("{{ tools | tojson }}").tools
    assert not _declared("{% if tools %}tools{% endif %}").tools


def test_a_template_that_refuses_system_prompts_knows_none() -> None:
    source = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}{{ messages[0].content }}"
    assert not _declared(source).system_role


def test_a_template_that_writes_parts_takes_parts() -> None:
    parts = "{% for p in messages[0].content %}{{ p.text }}{% endfor %}"
    both = "{% if messages[0].content is string %}{{ messages[0].content }}{% else %}" + parts + "{% endif %}"
    assert (_declared(parts).text_content, _declared(parts).content_parts) == (False, True)
    assert (_declared(both).text_content, _declared(both).content_parts) == (True, True)


@pytest.mark.parametrize("written", ["{{ m.content }}", "{{ m.content | tojson }}"])
def test_parts_that_are_only_printed_are_not_taken(written: str) -> None:
    assert not _declared("{% for m in messages %}" + written + "{% endfor %}").content_parts


_CALLS = "{% for m in messages %}{% for c in m.tool_calls or [] %}CALL{% endfor %}{% endfor %}"


def test_arguments_are_objects_where_they_are_written_as_json() -> None:
    assert _declared(_CALLS.replace("CALL", "{{ c.function.arguments | tojson }}")).object_arguments
    walked = "{% for k, v in c.function.arguments.items() %}{{ k }}={{ v }}{% endfor %}"
    assert _declared(_CALLS.replace("CALL", walked)).object_arguments


def test_tools_that_python_writes_say_nothing_of_arguments() -> None:
    assert _declared("{{ tools }}" + _CALLS.replace("CALL", "{{ c.function.arguments | tojson }}")).object_arguments


def test_arguments_are_text_where_they_are_written_as_they_are() -> None:
    found = _declared(_CALLS.replace("CALL", "{{ c.function.arguments }}"))
    assert found.tool_calls
    assert not found.object_arguments


def test_a_template_that_always_fails_declares_nothing() -> None:
    assert _declared("{{ raise_exception('no') }}") == Declared(system_role=False)
