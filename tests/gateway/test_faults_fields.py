"""G-06: every field that OpenAI documents, and those that nobody does, come to the backend as they were sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from openai.types import completion_create_params, embedding_create_params
from openai.types.chat import completion_create_params as chat_create_params

from tests.support.counting_upstream.asked import marked
from tests.support.gateways import GatewayProcess
from tests.support.scenes import Scene

TOOL = {"type": "function", "function": {"name": "f", "description": "x", "strict": True, "parameters": {}}}
SCHEMA = {"name": "x", "strict": True, "schema": {"type": "object", "properties": {"a": {"type": "string"}}}}
UNKNOWN: dict[str, Any] = {"no_such_field": {"deep": [1, 2.5, None, "자"]}, "guided_regex": "a+", "min_p": 0.05}
# A value for each field of the vendor's types, beside model, subject and stream.
CHAT: dict[str, Any] = {
    "audio": {"voice": "alloy", "format": "wav"},
    "frequency_penalty": 0.5,
    "function_call": "auto",
    "functions": [{"name": "g", "parameters": {}}],
    "logit_bias": {"12": -100},
    "logprobs": True,
    "max_completion_tokens": 60,
    "max_tokens": 60,
    "metadata": {"a": "b"},
    "modalities": ["text"],
    "moderation": {"model": "omni"},
    "n": 2,
    "parallel_tool_calls": False,
    "prediction": {"type": "content", "content": "Ahoy"},
    "presence_penalty": -0.5,
    "prompt_cache_key": "k",
    "prompt_cache_options": {"retention": "24h"},
    "prompt_cache_retention": "24h",
    "reasoning_effort": "low",
    "response_format": {"type": "json_schema", "json_schema": SCHEMA},
    "safety_identifier": "s",
    "seed": 7,
    "service_tier": "auto",
    "stop": ["x"],
    "store": False,
    "temperature": 0.5,
    "tool_choice": "auto",
    "tools": [TOOL],
    "top_logprobs": 3,
    "top_p": 0.9,
    "user": "u",
    "verbosity": "low",
    "web_search_options": {},
}
COMPLETION: dict[str, Any] = {
    "best_of": 2,
    "echo": True,
    "frequency_penalty": 0.5,
    "logit_bias": {"12": -100},
    "logprobs": 3,
    "max_tokens": 50,
    "n": 2,
    "presence_penalty": -0.5,
    "seed": 7,
    "stop": "x",
    "suffix": "y",
    "temperature": 0.5,
    "top_p": 0.9,
    "user": "u",
}
EMBEDDING: dict[str, Any] = {"dimensions": 4, "encoding_format": "float", "user": "u"}
CALLS: dict[str, tuple[dict[str, Any], dict[str, Any], type]] = {
    "/v1/chat/completions": (
        CHAT,
        {"messages": [{"role": "user", "name": "me", "content": "Ahoy"}]},
        chat_create_params.CompletionCreateParamsNonStreaming,
    ),
    "/v1/completions": (
        COMPLETION, {"prompt": "Ahoy"}, completion_create_params.CompletionCreateParamsNonStreaming
    ),
    "/v1/embeddings": (EMBEDDING, {"input": "Ahoy"}, embedding_create_params.EmbeddingCreateParams),
}  # fmt: skip
_NOT_HERE = {"model", "messages", "prompt", "input", "stream", "stream_options"}


@pytest.mark.parametrize("path", CALLS)
def test_g06_every_field_that_the_vendor_documents_is_tried(path: str) -> None:
    fields, _, documented = CALLS[path]
    names = {name for each in documented.__mro__ for name in getattr(each, "__annotations__", {})}
    assert fields.keys() == names - _NOT_HERE


def echoed(scene: Scene, path: str, case: str, body: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """What came to the backend, and the headers of the answer."""
    status, headers, said = scene.gateway.ask(path, dict(body))
    assert status == 200, said
    (seen,) = scene.upstream.requests(case)
    return orjson.loads(seen.begun.body), headers


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", CALLS)
def test_g06_no_field_is_lost_or_changed_on_the_way(scene: Scene, path: str, stream: bool) -> None:
    fields, subject, _ = CALLS[path]
    case = f"{path.replace('/', '-')}-{stream}"
    sent = {**fields, **UNKNOWN, **subject, "marked": marked(case)}
    if stream and path != "/v1/embeddings":
        sent |= {"stream": True, "stream_options": {"include_usage": True, "include_obfuscation": False}}
    # Both mean the same, and one of them goes on.
    sent.pop("max_tokens" if stream and "max_completion_tokens" in sent else "max_completion_tokens", None)
    got, headers = echoed(scene, path, case, {"model": "chat", **sent})
    assert "x-plimsoll-unsupported" not in headers
    options = got.get("stream_options") or {}
    assert sent.get("stream_options", {}).items() <= options.items()
    apart = {"model", "stream_options"}
    assert {name: value for name, value in got.items() if name not in apart} == {
        name: value for name, value in sent.items() if name not in apart
    }


def test_g06_what_a_backend_has_not_is_left_out_and_told_in_a_header_and_a_metric(scene: Scene) -> None:
    def told(gateway: GatewayProcess) -> float:
        return gateway.metric("plimsoll_unsupported_parameters_total")

    before = told(scene.gateway)
    asked = {"model": "chat", "messages": [{"role": "user", "content": marked("lacks")}]}
    got, headers = echoed(scene, "/v1/chat/completions", "lacks", {**asked, "top_k": 5, "repeat_penalty": 1.1})
    if scene.shape == "openai":
        assert headers["x-plimsoll-unsupported"] == "top_k, repeat_penalty"
        assert told(scene.gateway) == before + 2
        assert not {"top_k", "repeat_penalty"} & got.keys()
    else:
        assert got["top_k"] == 5
        assert got[{"vllm": "repetition_penalty"}.get(scene.shape, "repeat_penalty")] == 1.1
