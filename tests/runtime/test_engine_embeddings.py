"""Vectors: of length 1, the same for the same text whatever is computed beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from plimsoll.runtime.checking import InvalidJob
from plimsoll.runtime.requests import Finish
from plimsoll.runtime.settings import Mode
from tests.support.engines import RunningEngine, StartEngine, Wish

TEXTS = ["ba", "ba be bi", "kilu mofe " * 30, "한국어", "ba be bo"]


@pytest.fixture
def engine(start_engine: StartEngine, tiny_model: Path) -> RunningEngine:
    return start_engine(tiny_model, mode=Mode.EMBED, parallel=4, micro_batch_size=256)


def test_a_vector_has_the_models_width_and_length_one(engine: RunningEngine) -> None:
    answer = engine.ask("ba be bi", Wish(max_tokens=0))
    assert answer.embedding is not None
    assert answer.embedding.shape == (engine.model.embedding_width,)
    assert np.linalg.norm(answer.embedding) == pytest.approx(1.0)
    assert (answer.finish, answer.usage.completion_tokens) == (Finish.STOP, 0)
    assert answer.usage.prompt_tokens == len(engine.tokens("ba be bi"))


def test_texts_computed_together_have_the_vectors_that_they_have_alone(engine: RunningEngine) -> None:
    alone = [engine.ask(text).embedding for text in TEXTS]
    together = [engine.answer(job).embedding for job in [engine.submit(text) for text in TEXTS]]
    for one, other in zip(alone, together, strict=True):
        assert one is not None
        assert other is not None
        assert np.allclose(one, other, atol=1e-3)


def test_other_texts_have_other_vectors(engine: RunningEngine) -> None:
    one, other = engine.ask("ba be bi").embedding, engine.ask("kilu mofe").embedding
    assert one is not None
    assert other is not None
    assert float(one @ other) < 0.999


def test_more_texts_than_fit_into_one_batch_are_all_computed(engine: RunningEngine) -> None:
    jobs = [engine.submit("ba " * 100) for _ in range(30)]
    assert {engine.answer(job).finish for job in jobs} == {Finish.STOP}
    statistics = engine.engine.statistics()
    assert statistics.prompt_tokens == sum(len(job.prompt) for job in jobs)
    assert statistics.steps < 30
    assert statistics.slots_busy == 0


def test_a_text_longer_than_a_micro_batch_is_refused(engine: RunningEngine) -> None:
    with pytest.raises(InvalidJob, match="a request may have 256"):
        engine.submit("ba " * 300)


def test_a_text_that_is_cut_has_no_vector(engine: RunningEngine) -> None:
    job = engine.job("ba")
    job.cancelled = True
    engine.engine.submit(job)
    answer = engine.answer(job)
    assert (answer.finish, answer.embedding, answer.usage.prompt_tokens) == (Finish.CANCELLED, None, 0)


def test_the_library_has_nothing_to_complain_about(engine: RunningEngine) -> None:
    engine.model.library.log.forget()
    engine.ask("ba be bi")
    assert engine.model.library.log.recent() == ()
