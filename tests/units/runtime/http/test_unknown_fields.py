"""Fields that nobody knows: named, with what was probably meant, and never at the price of much thought."""

from __future__ import annotations

import pytest

from tests.support.played_engine import House, embedding_house

CHAT = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("/v1/chat/completions", {"mesages": CHAT}, "mesages (did you mean messages?)"),
        ("/v1/completions", {"promt": "Hi"}, "promt (did you mean prompt?)"),
        ("/tokenize", {"mesages": CHAT}, "mesages (did you mean messages?)"),
        ("/v1/completions", {"prompt": "Hi", "temprature": 1}, "temprature (did you mean temperature?)"),
        ("/v1/completions", {"prompt": "Hi", "prompt2": 1, "x": 1}, "prompt2, x."),
        (
            "/v1/chat/completions",
            {"messages": [{"role": "user", "content": "Hi", "nam": "I"}]},
            "messages[0].nam (did you mean messages[0].name?)",
        ),
    ],
)
def test_what_was_probably_meant_is_told(path: str, body: object, told: str) -> None:
    reply = House().ask(path, body)
    assert (reply.status, reply.error["code"]) == (400, "unknown_field")
    assert f"unknown fields: {told}" in reply.error["message"]
    assert told.startswith(reply.error["param"])


def test_an_input_that_is_misspelt_is_told_as_such() -> None:
    reply = embedding_house().ask("/v1/embeddings", {"inputs": "Hi"})
    assert "unknown fields: inputs (did you mean input?)" in reply.error["message"]


def test_what_is_missing_and_like_nothing_is_told_to_be_missing() -> None:
    assert House().ask("/v1/completions", {"text": "Hi"}).error["param"] == "prompt"


def test_of_very_many_unknown_fields_only_some_are_told() -> None:
    body = {"prompt": "Hi", **{f"prompt{number}": 1 for number in range(5000)}, "x" * 100_000: 1}
    reply = House().ask("/v1/completions", body)
    assert reply.error["message"].count("prompt") == 20
