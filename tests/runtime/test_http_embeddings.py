"""An engine that makes vectors, asked by the stock client."""

from __future__ import annotations

from pathlib import Path

import openai
import pytest

from tests.support.engine_process import StartProcess


def test_the_stock_client_has_its_vectors(start_process: StartProcess, tiny_model: Path) -> None:
    engine = start_process(tiny_model, "--mode=embed", "--context=512", "--parallel=4").wait_ready()
    client = engine.client()
    texts = [f"balu {number}" for number in range(40)]
    answer = client.embeddings.create(model="boat", input=texts)
    plain = client.embeddings.create(model="boat", input=texts[7], encoding_format="float")
    assert [each.index for each in answer.data] == list(range(40))
    assert {len(each.embedding) for each in answer.data} == {64}
    assert answer.data[7].embedding == pytest.approx(plain.data[0].embedding, abs=1e-3)
    assert sum(value * value for value in plain.data[0].embedding) == pytest.approx(1, abs=1e-3)
    with pytest.raises(openai.BadRequestError, match="--mode=generate"):
        client.completions.create(model="boat", prompt="balu")
    with pytest.raises(openai.BadRequestError) as raised:
        client.embeddings.create(model="boat", input="balu " * 900)
    assert raised.value.code == "context_length_exceeded"
    assert (
        engine.metric("plimsoll_engine_prompt_tokens_total") == answer.usage.prompt_tokens + plain.usage.prompt_tokens
    )
    assert engine.end() == 0
