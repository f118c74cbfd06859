"""The backends' own words, held against the engine that we ship and the source of the pinned vLLM."""

from typing import Any, get_args

import orjson
import pytest

from plimsoll.api.generation import ParameterName
from plimsoll.cost.record import Operation
from plimsoll.gateway.backends import BACKENDS
from plimsoll.gateway.backends.dialect import PATHS
from plimsoll.gateway.policy.parameters import NAMES
from plimsoll.runtime.http.chat_request import chat_request
from plimsoll.runtime.http.completion_request import completion_request
from plimsoll.runtime.http.wishes import body_of
from tests.support import vllm_source

TEXT: tuple[Operation, ...] = ("chat", "completion")
VLLM_REQUESTS = {
    "chat": ("ChatCompletionRequest", "vllm/entrypoints/openai/chat_completion/protocol.py"),
    "completion": ("CompletionRequest", "vllm/entrypoints/openai/completion/protocol.py"),
}
_VALUES: dict[str, Any] = {"topK": 5, "maxTokens": 5, "seed": 5, "stop": ["x"]}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("operation", TEXT)
def test_what_a_backend_reads_is_what_clients_may_write(backend: str, operation: Operation) -> None:
    for name in get_args(ParameterName):
        assert set(BACKENDS[backend].words(operation, name)) <= set(NAMES[name])


@pytest.mark.parametrize("operation", TEXT)
def test_our_engine_reads_every_word_that_it_is_sent(operation: Operation) -> None:
    words = {name: BACKENDS["llamacpp"].words(operation, name)[0] for name in get_args(ParameterName)}
    sent = {word: _VALUES.get(name, 0.5) for name, word in words.items()}
    subject = {"messages": [{"role": "user", "content": "?"}]} if operation == "chat" else {"prompt": "?"}
    fields = body_of(orjson.dumps({**subject, **sent}))
    (chat_request if operation == "chat" else completion_request)(fields, 300)
    assert not fields.left()


@pytest.mark.parametrize("operation", TEXT)
def test_vllm_reads_every_word_that_it_is_sent(operation: Operation) -> None:
    known = vllm_source.fields_of(*VLLM_REQUESTS[operation])
    for name in get_args(ParameterName):
        assert set(BACKENDS["vllm"].words(operation, name)) <= known


@pytest.mark.parametrize("operation", PATHS)
def test_paths_go_below_the_address_of_a_provider_and_below_v1_of_an_engine(operation: Operation) -> None:
    assert BACKENDS["vllm"].path(operation) == f"/v1{BACKENDS['openai'].path(operation)}"


def test_a_credential_is_sent_and_nothing_of_the_clients_headers() -> None:
    sent = BACKENDS["openai"].headers("req-1", "sk-secret")
    assert sent["authorization"] == "Bearer sk-secret"
    assert sent["x-client-request-id"] == "req-1"
    assert "authorization" not in BACKENDS["llamacpp"].headers("req-1", None)
