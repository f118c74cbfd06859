"""What the engine answers: alone and beside others, to the end that was asked for, in whole characters."""

from __future__ import annotations

from pathlib import Path

import pytest

from plimsoll.runtime.context import CannotCompute
from plimsoll.runtime.requests import Finish, Sampling
from tests.support.engines import StartEngine, Wish
from tests.support.known_answers import ANSWERS, all_asked


def test_more_requests_than_slots_are_all_answered_as_they_are_alone(
    start_engine: StartEngine, answering_model: Path
) -> None:
    engine = start_engine(answering_model, parallel=8, waiting=len(ANSWERS))
    assert all_asked(engine, "", together=True) == [known.answer for known in ANSWERS]


def test_an_answer_has_as_many_tokens_as_were_asked_for(start_engine: StartEngine, tiny_model: Path) -> None:
    engine = start_engine(tiny_model)
    prompt = engine.tokens("ba be bi")
    answer = engine.ask(prompt, Wish(max_tokens=7))
    assert answer.finish is Finish.LENGTH
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (len(prompt), 7)
    assert len(answer.tokens) == 7
    assert answer.deltas == 7


def test_an_answer_ends_where_the_context_is_full(start_engine: StartEngine, tiny_model: Path) -> None:
    engine = start_engine(tiny_model, context=300, parallel=2)
    prompt = engine.tokens("ba " * 250)
    answer = engine.ask(prompt, Wish(max_tokens=1000))
    assert answer.finish is Finish.LENGTH
    assert answer.usage.prompt_tokens + answer.usage.completion_tokens == 300


def test_the_end_of_text_ends_the_answer_and_is_not_counted(start_engine: StartEngine, tiny_model: Path) -> None:
    engine = start_engine(tiny_model)
    bias = Sampling(temperature=0.0, logit_bias={engine.model.eos_token: 100.0})
    answer = engine.ask("ba be", Wish(sampling=bias))
    assert (answer.finish, answer.text, answer.tokens) == (Finish.STOP, "", [])
    assert answer.usage.completion_tokens == 0


def test_a_long_prompt_is_read_in_several_steps_while_others_are_answered(
    start_engine: StartEngine, tiny_model: Path
) -> None:
    engine = start_engine(tiny_model, context=2048, parallel=2, batch_size=128, micro_batch_size=64)
    first = engine.submit("ba", Wish(max_tokens=200))
    long = engine.submit("ba be bi bo " * 300, Wish(max_tokens=3))
    assert engine.answer(long).usage.completion_tokens == 3
    assert engine.answer(first).usage.completion_tokens == 200
    assert engine.engine.statistics().steps >= 1200 / 128


@pytest.mark.parametrize("pieces", [1, 2, 5])
def test_a_stop_string_is_found_across_tokens(start_engine: StartEngine, tiny_model: Path, pieces: int) -> None:
    engine = start_engine(tiny_model)
    whole = engine.ask("bado kilu", Wish(max_tokens=60)).text
    # The model repeats nothing at first; the later part of its text is a stop string that lies across tokens.
    stop = whole[12 : 12 + 3 * pieces]
    answer = engine.ask("bado kilu", Wish(max_tokens=60, stops=("never said", stop)))
    assert answer.finish is Finish.STOP
    assert answer.text == whole[: whole.index(stop)]
    assert answer.usage.completion_tokens == len(answer.tokens) < 60


def test_broken_bytes_become_replacement_characters_and_nothing_is_lost(
    start_engine: StartEngine, tiny_model: Path
) -> None:
    engine = start_engine(tiny_model)
    lead_byte = next(token for token in range(512) if engine.model.piece(token) == b"\xed")
    broken = Sampling(temperature=0.0, logit_bias={lead_byte: 100.0})
    answer = engine.ask("ba", Wish(max_tokens=5, sampling=broken))
    assert answer.tokens == [lead_byte] * 5
    assert answer.text == "\N{REPLACEMENT CHARACTER}" * 5
    assert answer.deltas == 5


def test_the_text_is_that_of_the_tokens_whatever_they_are(start_engine: StartEngine, tiny_model: Path) -> None:
    engine = start_engine(tiny_model)
    jobs = [engine.submit(f"bado {at}", Wish(100, Sampling(temperature=2.0, seed=at))) for at in range(24)]
    for job in jobs:
        answer = engine.answer(job)
        data = b"".join(engine.model.piece(token) for token in answer.tokens)
        assert answer.text == data.decode(errors="replace")


def test_a_model_that_is_mapped_answers_as_one_that_is_read(start_engine: StartEngine, tiny_model: Path) -> None:
    read, mapped = (start_engine(tiny_model, map_weights=mapped).ask("ba be").text for mapped in (False, True))
    assert read == mapped


def test_a_cache_that_does_not_suit_the_model_is_refused_in_the_words_of_the_library(
    start_engine: StartEngine, tiny_model: Path
) -> None:
    with pytest.raises(CannotCompute, match="K cache type q8_0 with block size 32 does not divide"):
        start_engine(tiny_model, kv_cache_type="q8_0")
