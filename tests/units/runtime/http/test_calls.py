"""Calls of tools, found in text that comes in pieces of any size."""

import random

import pytest

from plimsoll.runtime.http.calls import (
    Argued,
    ArgumentsReader,
    Called,
    CallReader,
    MistralReader,
    Part,
    Reader,
    Said,
    TaggedReader,
    family_of,
)

NAMES = ("weather", "time")


def read(reader: Reader, text: str, seed: int) -> tuple[str, str | None, str]:
    """What was said, which tool was called, and with what."""
    rnd, at = random.Random(seed), 0
    parts: list[Part] = []
    while at < len(text):
        step = rnd.randint(1, 9)
        parts += reader.feed(text[at : at + step])
        at += step
    parts += reader.end()
    said = "".join(part.text for part in parts if isinstance(part, Said))
    names = [part.name for part in parts if isinstance(part, Called)]
    assert len(names) < 2
    return said, names[0] if names else None, "".join(part.text for part in parts if isinstance(part, Argued))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"name": "weather", "arguments": {"a": "}"}}', ("", "weather", '{"a": "}"}')),
        ('{"name":"time","parameters":{"a":{"b":[1,{}]}}}', ("", "time", '{"a":{"b":[1,{}]}}')),
        ('\n{ "type": "function", "name": "time" , "arguments" : {} }', ("", "time", "{}")),
        ('{"name": "time"}', ("", "time", "{}")),
        (r'{"name": "time", "arguments": {"a": "\"}\\"}} more', ("", "time", r'{"a": "\"}\\"}')),
        ('{"name": "unknown", "arguments": {}}', ('{"name": "unknown", "arguments": {}}', None, "")),
        ('{"answer": 42}', ('{"answer": 42}', None, "")),
        ('{"name": "weather", "arguments": "text"}', ('{"name": "weather", "arguments": "text"}', None, "")),
        ("plain text", ("plain text", None, "")),
        ("{" + "x" * 600, ("{" + "x" * 600, None, "")),
        ("", ("", None, "")),
    ],
)
def test_a_call_is_what_has_the_name_of_a_tool(text: str, found: tuple[str, str | None, str], seed: int) -> None:
    assert read(CallReader(NAMES), text, seed) == found


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('Well.\n<tool_call>\n{"name": "time", "arguments": {}}\n', ("Well.", "time", "{}")),
        ("a < b <tool> <tool_", ("a < b <tool> <tool_", None, "")),
        ("<tool_call>nonsense", ("nonsense", None, "")),
        ('{"name": "time", "arguments": {}}', ('{"name": "time", "arguments": {}}', None, "")),
    ],
)
def test_a_tag_comes_before_a_call(text: str, found: tuple[str, str | None, str], seed: int) -> None:
    said, name, arguments = read(TaggedReader(NAMES), text, seed)
    assert (said.rstrip("\n"), name, arguments) == found


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('[TOOL_CALLS][{"name": "time", "arguments": {"a": "]"}, "id": "abc"}]', ("", "time", '{"a": "]"}')),
        ('Well.[TOOL_CALLS] [ {"name": "time"}, {"name": "weather"}]', ("Well.", "time", "{}")),
        ('[TOOL_CALLS]weather[ARGS]{"a": {}}[TOOL_CALLS]time[ARGS]{}', ("", "weather", '{"a": {}}')),
        ("[TOOL_CALLS]time[CALL_ID]a1B2c3D4e[ARGS] {}", ("", "time", "{}")),
        ("[TOOL_CALLS]unknown[ARGS]{}", ("unknown[ARGS]{}", None, "")),
        ('[TOOL_CALLS]{"name": "time", "arguments": {}}', ('{"name": "time", "arguments": {}}', None, "")),
        ("[TOOL_CALLS]time", ("time", None, "")),
        ("[TOOL] [", ("[TOOL] [", None, "")),
    ],
)
def test_mistral_writes_a_list_or_the_name_of_a_function(
    text: str, found: tuple[str, str | None, str], seed: int
) -> None:
    assert read(MistralReader(NAMES), text, seed) == found


def test_text_is_passed_on_as_soon_as_it_cannot_be_a_tag() -> None:
    reader = TaggedReader(NAMES)
    assert reader.feed("a <tool_") == [Said("a ")]
    assert reader.feed("box") == [Said("<tool_box")]


def test_text_that_is_arguments_names_its_function_once() -> None:
    assert read(ArgumentsReader("time"), '{"a": 1}', 3) == ("", "time", '{"a": 1}')


@pytest.mark.parametrize(
    ("template", "reader"),
    [
        ("{% for tool in tools %}<tool_call>", TaggedReader),
        ('{% if tools %}{"name": function name, "parameters": dictionary}', CallReader),
        ("{% for tool in tools %}<tool_call><function=", None),
        ("{% for tool in tools %}[TOOL_CALLS]", MistralReader),
        ("[TOOL_CALLS]", None),
        ("{{ messages }}", None),
    ],
)
def test_families_are_known_by_their_templates(template: str, reader: type | None) -> None:
    family = family_of(template)
    assert (None if family is None else family.reader) is reader


def test_the_marks_of_a_call_that_are_control_tokens_are_shown_to_its_reader() -> None:
    family = family_of("{% for tool in tools %}[TOOL_CALLS]")
    assert family is not None
    assert set(family.marks) == {"[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"}
