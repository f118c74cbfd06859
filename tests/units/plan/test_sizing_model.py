"""A model is taken from its header piece by piece, and a header that contradicts itself is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plimsoll.plan.gguf import BadHeader, Header, parse
from plimsoll.plan.gguf_types import ValueType
from plimsoll.plan.sizing_model import Model, Weights, model_of
from tests.support.gguf_maker import Listed, Made, MadeTensor, make, tensors_of
from tests.support.gguf_models import SMALL, described, small

U32 = ValueType.UINT32


def sized(made: Made) -> Model:
    header = parse(made.data, made.file_size)
    assert isinstance(header, Header)
    return model_of(header)


ROWS = MadeTensor("blk.0.attn_q.weight", (32, 32), "F16")
BAD: dict[str, tuple[Callable[[], Made], str]] = {
    "no architecture": (lambda: make({"a": 1}, tensors_of(SMALL, "F16")), "general.architecture"),
    "an architecture of two lines": (lambda: make({"general.architecture": "a\nb"}, [ROWS]), "general.architecture"),
    "a long architecture": (lambda: make({"general.architecture": "a" * 65}, [ROWS]), "general.architecture"),
    "no number of layers": (lambda: make({"general.architecture": "llama"}, [ROWS]), "block_count .* missing"),
    "no layers": (lambda: small(block_count=0), "block_count"),
    "too many layers": (lambda: small(block_count=513), "block_count"),
    "layers as text": (lambda: small(block_count="four"), "block_count .* is four"),
    "layers as yes": (lambda: small(block_count=True), "block_count"),
    "heads for three layers of four": (lambda: small(attention__head_count_kv=Listed(U32, [1, 1, 1])), "3 entries"),
    "more heads than any model": (lambda: small(attention__head_count=1 << 20), "head_count"),
    "heads without a length": (lambda: small(attention__head_count=0), "no length"),
    "a vocabulary of nothing": (
        lambda: make(
            {key: value for key, value in described("llama", vocab_size=0).items() if "token" not in key},
            [ROWS],
        ),
        "vocabulary",
    ),
    "a tensor of a fifth layer": (
        lambda: make(described("llama"), [MadeTensor("blk.4.attn_q.weight", (32,), "F16")]),
        "layer that the model does not have",
    ),
    "no tensors": (lambda: make(described("llama"), []), "no tensors"),
    "an adapter": (lambda: make({**described("llama"), "general.type": "adapter"}, [ROWS]), "adapter"),
    "windows for three layers of four": (
        lambda: small("gemma4", attention__sliding_window=9, attention__sliding_window_pattern=[1, 0, 1]),
        "3 entries",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_header_that_contradicts_itself_is_refused(case: str) -> None:
    made, told = BAD[case]
    with pytest.raises(BadHeader, match=told):
        sized(made())


def test_the_widest_step_counts_all_experts_of_a_token() -> None:
    assert sized(small()).widest == 128
    assert sized(small("qwen3moe", expert_used_count=8, expert_feed_forward_length=32)).widest == 256
    more = {"expert_used_count": 8, "expert_feed_forward_length": 32, "expert_shared_feed_forward_length": 64}
    assert sized(small("qwen3moe", **more)).widest == 320
    assert sized(small(attention__key_length=64)).widest == 256


def test_a_model_has_its_name_its_type_and_its_parameters() -> None:
    model = sized(small())
    assert (model.name, model.architecture, model.file_type, model.vocabulary) == ("rand-4x64", "llama", "F16", 8)
    layer = 64 * (64 + 32 + 32 + 64 + 128 + 128 + 128) + 2 * 64
    assert model.parameters == 4 * layer + 2 * 64 * 8 + 64
    assert model.trained_context == 2048


@pytest.mark.parametrize(
    ("tokens", "table", "told", "vocabulary"),
    [(["a"] * 20, 8, 30, 20), (["a"] * 5, 8, 30, 8), (None, 8, 30, 8), (["a"] * 20, 0, 30, 20), (None, 0, 30, 30)],
    ids=["tokens", "more rows than tokens", "rows only", "tokens only", "neither"],
)
def test_the_vocabulary_is_what_is_there_before_what_is_told(
    tokens: list[str] | None, table: int, told: int, vocabulary: int
) -> None:
    values = {key: value for key, value in described("llama", vocab_size=told).items() if "tokens" not in key}
    if tokens:
        values["tokenizer.ggml.tokens"] = tokens
    rows = [MadeTensor("token_embd.weight", (64, table), "F16")] if table else []
    assert sized(make(values, [ROWS, *rows])).vocabulary == vocabulary


def test_a_model_may_have_no_name_and_a_strange_type() -> None:
    values = {key: value for key, value in described("a" * 64).items() if key != "general.name"}
    model = sized(make({**values, "general.file_type": "new"}, [ROWS]))
    assert (model.name, model.architecture, model.file_type) == ("", "a" * 64, "unknown")
    assert sized(make({**values, "general.file_type": 999}, [ROWS])).file_type == "unknown"
    assert sized(make({**values, "general.name": "a\nb\0c"}, [ROWS])).name == "abc"


def test_tensors_are_counted_where_they_lie() -> None:
    table, output, norm = (
        MadeTensor("token_embd.weight", (64, 8), "Q4_0"),
        MadeTensor("output.weight", (64, 8), "Q8_0"),
        MadeTensor("output_norm.weight", (64,), "F32"),
    )
    model = sized(make(described("llama"), [table, ROWS, output, norm]))
    # The token table is looked up, not multiplied with: no CPU repacks it.
    assert model.inputs == Weights(table.size)
    assert model.outputs == Weights(output.size + norm.size, 0, output.size)
    assert [layer.weights for layer in model.layers] == [Weights(ROWS.size), Weights(), Weights(), Weights()]
    assert model.tied == Weights()
    assert sized(make(described("llama"), [table, ROWS])).tied == Weights(table.size, table.size, table.size)


@pytest.mark.parametrize(
    ("name", "dimensions", "kind", "amd64", "arm64"),
    [
        ("weight", (256, 8), "Q4_K", True, True),
        ("weight", (256, 8), "Q6_K", False, True),
        ("weight", (256, 8), "Q3_K", False, False),
        ("weight", (256, 12), "Q4_0", False, True),
        ("weight", (256, 9), "Q4_0", False, False),
        ("weight", (256, 8, 4), "Q4_0", True, True),
        ("weight", (256,), "Q4_0", False, False),
        ("bias", (256, 8), "Q4_0", False, False),
    ],
)
def test_a_matrix_is_repacked_by_its_type_and_its_rows(
    name: str, dimensions: tuple[int, ...], kind: str, amd64: bool, arm64: bool
) -> None:
    tensor = MadeTensor(f"blk.0.attn_q.{name}", dimensions, kind)
    found = sized(make(described("llama"), [tensor])).layers[0].weights
    assert found == Weights(tensor.size, tensor.size * amd64, tensor.size * arm64)


def test_a_token_table_of_another_rank_has_no_rows() -> None:
    values = {key: value for key, value in described("llama", vocab_size=30).items() if "tokens" not in key}
    assert sized(make(values, [MadeTensor("token_embd.weight", (64,), "F16")])).vocabulary == 30
