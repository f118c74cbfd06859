"""What templates of Hugging Face use beside plain Jinja."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.exceptions import TemplateError as JinjaError

from plimsoll.runtime.templates.environment import TemplateSaysNo, environment, refusal

_NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def _rendered(source: str, **values: Any) -> str:
    return environment(lambda: _NOW).from_string(source).render(**values)


def test_json_is_written_for_models_and_not_for_browsers() -> None:
    assert _rendered("{{ v | tojson }}", v={"b": "<é & 한>", "a": 1}) == '{"b": "<é & 한>", "a": 1}'


def test_nothing_is_escaped_for_html() -> None:
    assert _rendered("{{ 'a'|safe + v + '<>' + (v | tojson) }}", v="<&>") == 'a<&><>"<&>"'


def test_json_can_be_indented() -> None:
    assert _rendered("{{ v | tojson(indent=2) }}", v={"a": [1]}) == '{\n  "a": [\n    1\n  ]\n}'


def test_the_date_is_the_one_of_the_request() -> None:
    assert _rendered("{{ strftime_now('%d %b %Y') }}") == "21 Nov 2026"


def test_loops_can_be_left() -> None:
    assert _rendered("{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}") == "01"


def test_marks_for_training_leave_no_trace() -> None:
    assert _rendered("a{% generation %}{{ v }}{% endgeneration %}c", v="b") == "abc"


def test_lines_of_blocks_leave_no_blanks() -> None:
    assert _rendered("{% if true %}\n  {% if true %}\nx\n  {% endif %}\n{% endif %}") == "x\n"


def test_what_a_template_says_no_with_is_told() -> None:
    with pytest.raises(TemplateSaysNo) as caught:
        _rendered("{{ raise_exception('roles must alternate') }}")
    assert str(refusal(caught.value)) == "the chat template refuses these messages: roles must alternate"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("a\n{% if %}", "fails in line 2: TemplateSyntaxError"),
        ("a\nb\n{{ v.w.x }}", "fails in line 3: UndefinedError"),
        ("{% macro f() %}\n{{ 1 / 0 }}\n{% endmacro %}\n{{ f() }}", "fails in line 2: ZeroDivisionError"),
    ],
)
def test_a_mistake_is_told_with_its_line(source: str, told: str) -> None:
    with pytest.raises((JinjaError, ZeroDivisionError)) as caught:
        _rendered(source, v={})
    assert told in str(refusal(caught.value))


@pytest.mark.parametrize(
    "escape",
    [
        "{{ ''.__class__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ raise_exception.__globals__ }}",
        "{{ strftime_now.__closure__ }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ messages.append(1) }}",
    ],
)
def test_a_template_cannot_leave_its_sandbox(escape: str) -> None:
    """What is forbidden is undefined, and an error as soon as it is used."""
    with suppress(SecurityError):
        assert _rendered(escape, messages=[]) == ""


def test_a_mistake_in_a_template_names_its_line() -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        _rendered("ok\n{% if %}")
    assert "in line 2" in str(refusal(caught.value))
