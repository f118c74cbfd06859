"""What the upstream says is what the real ones say: the stock client reads all of it, and the public sources agree."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel

from tests.support import vllm_source
from tests.support.counting_upstream.asked import Asked, marked
from tests.support.counting_upstream.counters import Counts
from tests.support.counting_upstream.process import CountingUpstream, counting_upstream
from tests.support.counting_upstream.script import WORDS, Script, Trouble
from tests.support.counting_upstream.shapes import SHAPES
from tests.support.counting_upstream.shapes.shape import VECTOR, Shape
from tools.sdists import Unreachable

TEXT = "".join(WORDS)
ARGUMENTS = ('{"city"', ': "Bu', 'san"}')
USAGE = {"stream_options": {"include_usage": True}}
RUNNING = {"stream_options": {"include_usage": True, "continuous_usage_stats": True}}


@pytest.fixture(scope="module", params=SHAPES)
def upstream(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CountingUpstream]:
    with counting_upstream(request.param, tmp_path_factory.mktemp("upstream")) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def client(upstream: CountingUpstream) -> Iterator[OpenAI]:
    with OpenAI(base_url=upstream.base, api_key="none", max_retries=0, timeout=30) as client:
        yield client


def messages(case: str) -> list[Any]:
    return [{"role": "user", "content": f"Ahoy {marked(case)}"}]


def test_the_stock_client_reads_a_chat_and_its_usage_is_what_was_counted(
    upstream: CountingUpstream, client: OpenAI
) -> None:
    answer = client.chat.completions.create(model="boat", messages=messages("chat"))
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (TEXT, "stop")
    assert answer.usage is not None
    counts = upstream.total("chat")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (counts.prompt, counts.completion)


def test_the_stock_client_reads_a_streamed_chat_and_its_last_usage_is_what_was_counted(
    upstream: CountingUpstream, client: OpenAI
) -> None:
    options: Any = RUNNING
    chunks = list(client.chat.completions.create(model="boat", messages=messages("chunks"), stream=True, **options))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == TEXT
    assert chunks[-2].choices[0].finish_reason == "stop"
    usage, counts = chunks[-1].usage, upstream.total("chunks")
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (counts.prompt, counts.completion)


def test_the_stock_client_reads_completions(upstream: CountingUpstream, client: OpenAI) -> None:
    answer = client.completions.create(model="boat", prompt=marked("text"), n=2)
    assert [choice.text for choice in answer.choices] == [TEXT, TEXT]
    options: Any = USAGE
    events = list(client.completions.create(model="boat", prompt=marked("texts"), stream=True, **options))
    assert "".join(choice.text for event in events for choice in event.choices) == TEXT
    assert events[-2].choices[0].finish_reason == "stop"
    usage, counts = events[-1].usage, upstream.total("texts")
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (counts.prompt, counts.completion)


def test_the_stock_client_reads_the_call_of_a_tool(upstream: CountingUpstream, client: OpenAI) -> None:
    upstream.script(Script(words=ARGUMENTS, call="weather"), case="tool")
    answer = client.chat.completions.create(model="boat", messages=messages("tool"))
    with client.chat.completions.stream(model="boat", messages=messages("tool")) as stream:
        final = stream.get_final_completion()
    for choice in (answer.choices[0], final.choices[0]):
        assert choice.finish_reason == "tool_calls"
        assert choice.message.tool_calls is not None
        (call,) = choice.message.tool_calls
        assert call.type == "function"
        assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "Busan"})


def test_the_stock_client_reads_several_answers_and_each_word_of_each_counts(
    upstream: CountingUpstream, client: OpenAI
) -> None:
    options: Any = RUNNING
    chunks = list(client.chat.completions.create(model="boat", messages=messages("n"), n=3, stream=True, **options))
    texts = [""] * 3
    for choice in (choice for chunk in chunks for choice in chunk.choices):
        texts[choice.index] += choice.delta.content or ""
    assert texts == [TEXT] * 3
    usage, counts = chunks[-1].usage, upstream.total("n")
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (counts.prompt, counts.completion)
    assert counts.completion >= 3 * len(WORDS)


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_the_stock_client_reads_embeddings(upstream: CountingUpstream, client: OpenAI, encoding: Any) -> None:
    case = f"vectors-{encoding}"
    answer = client.embeddings.create(model="boat", input=[marked(case), "and"], encoding_format=encoding)
    # As text where text was asked for: the client decodes only what it has asked for on its own.
    assert len(answer.data) == 2
    if encoding == "float":
        assert tuple(answer.data[0].embedding) == VECTOR
    assert answer.usage.prompt_tokens == upstream.total(case).prompt


def test_the_stock_client_decodes_embeddings_that_it_asked_for_on_its_own(client: OpenAI) -> None:
    assert tuple(client.embeddings.create(model="boat", input="ahoy").data[0].embedding) == VECTOR


def test_the_stock_client_reads_the_models(client: OpenAI) -> None:
    (model,) = client.models.list()
    assert (model.object, bool(model.id)) == ("model", True)


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, openai.BadRequestError), (401, openai.AuthenticationError), (404, openai.NotFoundError),
        (429, openai.RateLimitError), (500, openai.InternalServerError), (503, openai.InternalServerError),
    ],
)  # fmt: skip
def test_the_stock_client_reads_errors(
    upstream: CountingUpstream, client: OpenAI, status: int, raised: type[openai.APIStatusError]
) -> None:
    case = f"error-{status}"
    upstream.script(Script(status=status, message="no wind"), case=case)
    with pytest.raises(raised, match="no wind") as caught:
        client.chat.completions.create(model="boat", messages=messages(case))
    assert isinstance(caught.value.body, dict)
    assert {"message", "type", "param", "code"} == caught.value.body.keys()
    assert upstream.total(case) == Counts()


def test_the_stock_client_reads_an_error_in_a_stream(upstream: CountingUpstream, client: OpenAI) -> None:
    upstream.script(Script(trouble=Trouble.ERROR, at=2, message="no wind"), case="late")
    with pytest.raises(openai.APIError, match="no wind"):
        list(client.chat.completions.create(model="boat", messages=messages("late"), stream=True))


def test_every_shape_says_where_it_is_read_from() -> None:
    for shape in SHAPES.values():
        assert shape.source


# Against the public sources.


def made(name: str, body: dict[str, Any], script: Script | None = None, path: str = "/v1/chat/completions") -> Shape:
    asked = Asked(1, "POST", path, [], json.dumps({"model": "boat", **body}).encode())
    return SHAPES[name](asked, Script() if script is None else script, 1_800_000_000)


def parsed(event: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(event.removeprefix(b"data: "))
    return found


COUNTS = Counts(prompt=11, cached=4, completion=9, reasoning=1)


def events(shape: Shape) -> list[dict[str, Any]]:
    """One of each kind."""
    said = [shape.opening(0, COUNTS), shape.word(0, 0, COUNTS), shape.closing(0, "stop", COUNTS)]
    return [parsed(each) for each in [*said, shape.usage_event(COUNTS)] if each]


def unknown(model: BaseModel) -> list[str]:
    """Fields at any depth that the type does not have."""
    found = list(model.model_extra or {})
    for value in dict(model).values():
        inside = value if isinstance(value, Sequence) else [value]
        found += [name for each in inside if isinstance(each, BaseModel) for name in unknown(each)]
    return found


@pytest.mark.parametrize("script", [Script(), Script(words=ARGUMENTS, call="weather")], ids=["text", "call"])
def test_openai_s_own_shape_is_that_of_its_own_types(script: Script) -> None:
    shape = made("openai", {"stream": True, **USAGE}, script)
    for event in events(shape):
        assert unknown(ChatCompletionChunk.model_validate(event)) == []
    whole = ChatCompletion.model_validate_json(shape.body(script.words, "stop", COUNTS))
    assert unknown(whole) == []
    vectors = made("openai", {"input": "x"}, path="/v1/embeddings").embeddings(COUNTS)
    assert unknown(CreateEmbeddingResponse.model_validate_json(vectors)) == []


_ENTRY = "vllm/entrypoints"
_CHAT, _TEXT = f"{_ENTRY}/openai/chat_completion/protocol.py", f"{_ENTRY}/openai/completion/protocol.py"
_ENGINE = f"{_ENTRY}/serve/engine/protocol.py"


@pytest.fixture(scope="module")
def vllm() -> None:
    try:
        vllm_source.source()
    except Unreachable as error:
        pytest.skip(str(error))


@pytest.mark.usefixtures("vllm")
@pytest.mark.parametrize("options", [USAGE, RUNNING], ids=["usage", "running"])
@pytest.mark.parametrize(
    ("kind", "path", "file"), [("ChatCompletion", "chat/completions", _CHAT), ("Completion", "completions", _TEXT)]
)
def test_vllm_s_events_have_fields_of_its_source(kind: str, path: str, file: str, options: dict[str, Any]) -> None:
    for event in events(made("vllm", {"stream": True, **options}, path=f"/v1/{path}")):
        assert event.keys() <= vllm_source.fields_of(f"{kind}StreamResponse", file)
        for choice in event["choices"]:
            assert choice.keys() <= vllm_source.fields_of(f"{kind}ResponseStreamChoice", file)
        assert (event.get("usage") or {}).keys() <= vllm_source.fields_of("UsageInfo", _ENGINE)


@pytest.mark.usefixtures("vllm")
@pytest.mark.parametrize(
    ("kind", "path", "file"), [("ChatCompletion", "chat/completions", _CHAT), ("Completion", "completions", _TEXT)]
)
def test_vllm_s_whole_answers_have_all_fields_of_its_source(kind: str, path: str, file: str) -> None:
    whole = json.loads(made("vllm", {}, path=f"/v1/{path}").body(WORDS, "stop", COUNTS))
    assert whole.keys() == vllm_source.fields_of(f"{kind}Response", file)
    (choice,) = whole["choices"]
    assert choice.keys() == vllm_source.fields_of(f"{kind}ResponseChoice", file)
    assert whole["usage"].keys() == vllm_source.fields_of("UsageInfo", _ENGINE)
    if file == _CHAT:
        # A list of calls that is empty is left out.
        assert choice["message"].keys() == vllm_source.fields_of("ChatMessage", file) - {"tool_calls"}


@pytest.mark.usefixtures("vllm")
def test_vllm_s_errors_and_models_have_all_fields_of_its_source() -> None:
    shape = made("vllm", {})
    assert shape.error(500, "no")["error"].keys() == vllm_source.fields_of("ErrorInfo", _ENGINE)
    assert shape.model().keys() == vllm_source.fields_of("ModelCard", _ENGINE)


def test_vllm_tells_running_usage_beside_every_word_and_only_when_asked() -> None:
    running = events(made("vllm", {"stream": True, **RUNNING}))
    assert [bool(event.get("usage")) for event in running] == [True] * len(running)
    plain = events(made("vllm", {"stream": True, **USAGE}))
    assert [bool(event.get("usage")) for event in plain] == [False] * (len(plain) - 1) + [True]
