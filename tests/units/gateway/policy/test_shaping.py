"""What a backend is sent: its own name for the model, and always the question what was used."""

from typing import Any

import orjson
import pytest

from plimsoll.gateway.backends import BACKENDS
from plimsoll.routing.policy import Generation
from tests.support.asked import asked, fields_after, goes_on, role, served


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_backend_hears_its_own_name_of_the_model(backend: str) -> None:
    assert fields_after(asked("embedding"), served(backend))["model"] == "there"


@pytest.mark.parametrize("given", [..., None, {}, {"include_usage": False}, {"include_usage": True}])
def test_a_stream_is_always_asked_for_its_usage(given: Any) -> None:
    sent = fields_after(asked(stream=True, stream_options=given), served("openai"))
    assert sent["stream_options"] == {"include_usage": True}


def test_other_options_of_a_stream_stay() -> None:
    given = {"include_obfuscation": False}
    sent = fields_after(asked(stream=True, stream_options=given), served("openai"))
    assert sent["stream_options"] == {"include_obfuscation": False, "include_usage": True}


@pytest.mark.parametrize("backend", ["llamacpp", "vllm"])
def test_who_can_is_asked_for_the_usage_of_every_event(backend: str) -> None:
    sent = fields_after(asked(stream=True), served(backend))
    assert sent["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}


def test_who_does_not_stream_is_asked_nothing() -> None:
    assert "stream_options" not in fields_after(asked(), served())


def test_every_field_that_nobody_changes_goes_on_byte_for_byte() -> None:
    request = asked(tools=[{"type": "function"}], logit_bias={"7": -1.5}, unheard={"of": [1e-7]}, temperature=0.5)
    by = served("vllm", generation=Generation(defaults={"maxTokens": 9}), prompt=role("S"))
    sent = goes_on(request, by).body
    for name in ("tools", "logit_bias", "unheard", "temperature"):
        assert orjson.dumps({name: request.fields[name]})[1:-1] in sent


def test_generation_and_prompt_come_together() -> None:
    by = served("vllm", generation=Generation(maximum={"maxTokens": 9}), prompt=role("S", "<{user}>"))
    assert fields_after(asked("completion", prompt="a", max_tokens=10), by) == {
        "model": "there",
        "prompt": "S\n\n<a>",
        "max_tokens": 9,
    }
