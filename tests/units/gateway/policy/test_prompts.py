"""FEATURES 34: the active role around what a client says, on both paths that make text."""

from typing import Any

import pytest

from plimsoll.gateway.errors import ApiError
from plimsoll.gateway.policy.prompts import messages_form, text_form
from plimsoll.routing.policy import Prompt
from tests.support import golden_prompts
from tests.support.asked import SAID, asked, fields_after, role, served

FRAME = "{system}\n\nQ: {user}\nA:"


def said(text: Any, by: str = "user", **others: Any) -> dict[str, Any]:
    return {"role": by, "content": text, **others}


@pytest.mark.parametrize("name", golden_prompts.NAMES)
def test_the_four_roles_are_rendered_as_they_are_in_the_golden_file(name: str) -> None:
    assert golden_prompts.rendered(name) == golden_prompts.kept()[name]


def test_the_golden_file_has_four_roles_with_no_one_and_three_examples_on_both_paths() -> None:
    assert len(golden_prompts.kept()) == 4 * 3 * 2


def test_the_text_form_is_system_examples_and_question() -> None:
    prompt = role("You help.", "{system}\n\nUser: {user}\nAssistant:", ("Hi", "Hello"), ("And?", "So."))
    assert text_form(prompt, "Why?") == (
        "You help.\n\nUser: Hi\nAssistant: Hello\n\nUser: And?\nAssistant: So.\n\nUser: Why?\nAssistant:"
    )


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        (role(), "Why?"),
        (role("You help."), "You help.\n\nWhy?"),
        (role(None, "Q: {user}"), "Q: Why?"),
        (role("You help.", "Q: {user}"), "You help.\n\nQ: Why?"),
        (role("You help.", FRAME), "You help.\n\nQ: Why?\nA:"),
        (role("You help.", "{system} {user}"), "You help. Why?"),
        (role("You help.", "{system}{user}"), "You help.Why?"),
        (role("You help.", "To: {user}\nBut {system}"), "To: Why?\nBut You help."),
        (role(None, "{{{user}}} {{system}}"), "{Why?} {system}"),
        (role(None, None, ("Hi", "Hello")), "Hi\nAssistant: Hello\n\nWhy?\nAssistant:"),
        (role("S", FRAME, ("Hi", "Hello"), answer_prefix="A:"), "S\n\nQ: Hi\nA: Hello\n\nQ: Why?\nA:"),
        (role(None, "Q: {user}", ("Hi", "Hello"), answer_prefix="A: "), "Q: Hi\nA: Hello\n\nQ: Why?\nA: "),
    ],
)
def test_whatever_a_role_leaves_out_is_left_out(prompt: Prompt, text: str) -> None:
    assert text_form(prompt, "Why?") == text


@pytest.mark.parametrize("said_so", ["{system}", "{user}", "{{", "}}", "{", "\\1", "%s {0}"])
def test_braces_of_a_client_are_braces(said_so: str) -> None:
    prompt = role("A {user} {{}}", FRAME, ("{system}", "{user}"))
    assert text_form(prompt, said_so) == (
        f"A {{user}} {{{{}}}}\n\nQ: {{system}}\nA:\nAssistant: {{user}}\n\nQ: {said_so}\nA:\nAssistant:"
    )
    assert messages_form(prompt, [said(said_so)])[-1] == said(f"Q: {said_so}\nA:")


def test_a_chat_gets_system_message_examples_and_the_frame_around_the_last_question() -> None:
    prompt = role("You help.", FRAME, ("Hi", "Hello"))
    talk = [said("One"), said("Two", "assistant"), said("Three", name="me"), said("4", "tool", tool_call_id="c")]
    assert messages_form(prompt, talk) == [
        said("You help.", "system"),
        said("Hi"),
        said("Hello", "assistant"),
        said("One"),
        said("Two", "assistant"),
        said("Q: Three\nA:", name="me"),
        said("4", "tool", tool_call_id="c"),
    ]


@pytest.mark.parametrize("by", ["system", "developer"])
def test_where_it_is_not_locked_a_client_may_bring_a_system_message(by: str) -> None:
    prompt = role("You help.", FRAME, ("Hi", "Hello"))
    assert messages_form(prompt, [said("Be short.", by), said("Why?")]) == [
        said("Be short.", by),
        said("Hi"),
        said("Hello", "assistant"),
        said("Q: Why?\nA:"),
    ]


def test_a_system_message_in_the_midst_takes_the_place_of_nothing() -> None:
    talk = [said("One"), said("Be short.", "system"), said("Two")]
    assert messages_form(role("You help."), talk) == [said("You help.", "system"), *talk]


@pytest.mark.parametrize(
    ("parts", "framed"),
    [
        (["a"], ["<a>"]),
        (["a", "b"], ["<a", "b>"]),
        ([None, "a", None], [None, "<a>", None]),
        ([None], ["<>", None]),
        ([], ["<>"]),
    ],
)
def test_a_frame_goes_around_the_text_among_the_parts(parts: list[str | None], framed: list[str | None]) -> None:
    def made(texts: list[str | None]) -> list[dict[str, Any]]:
        image = {"type": "image_url", "image_url": {"url": "data:"}}
        return [image if each is None else {"type": "text", "text": each} for each in texts]

    assert messages_form(role(None, "<{user}>"), [said(made(parts))]) == [said(made(framed))]


def test_a_chat_without_a_question_has_nothing_to_frame() -> None:
    assert messages_form(role(None, FRAME.removeprefix("{system}\n\n")), [said("Hi", "assistant")]) == [
        said("Hi", "assistant")
    ]


def test_every_prompt_of_a_completion_is_framed() -> None:
    by = served(prompt=role(None, "<{user}>"))
    assert fields_after(asked("completion", prompt="a"), by)["prompt"] == "<a>"
    assert fields_after(asked("completion", prompt=["a", "b"]), by)["prompt"] == ["<a>", "<b>"]


@pytest.mark.parametrize("prompt", [[1, 2], [[1], [2]], ["a", 1], ["a", [1]]])
def test_ids_of_tokens_cannot_be_framed(prompt: Any) -> None:
    with pytest.raises(ApiError, match="must be text") as caught:
        fields_after(asked("completion", prompt=prompt), served(prompt=role("You help.")))
    assert caught.value.param == "prompt"


def test_without_a_role_ids_of_tokens_go_on() -> None:
    assert fields_after(asked("completion", prompt=[1, 2]), served())["prompt"] == [1, 2]


def test_what_asks_for_vectors_is_not_framed() -> None:
    assert fields_after(asked("embedding"), served(prompt=role("S", FRAME)))["input"] == SAID["content"]
