"""What was computed for one request is used again by the next that begins alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.support.engines import StartEngine, Wish
from tests.support.known_answers import ANSWERS, HOTEL, PATIENT, prompt_of

SYSTEM = "you kilu mofe bado and answer rino sapu " * 12


def common_of(one: NDArray[np.int32], other: NDArray[np.int32]) -> int:
    """How many tokens both begin with."""
    return next(at for at, (here, there) in enumerate(zip(one, other, strict=False)) if here != there)


def test_the_second_request_computes_only_what_differs(start_engine: StartEngine, answering_model: Path) -> None:
    engine = start_engine(answering_model)
    one, other = (prompt_of(engine, HOTEL, known.question) for known in ANSWERS[:2])
    engine.ask(one, PATIENT)
    second = engine.ask(other, PATIENT)
    assert common_of(one, other) <= second.usage.cached_tokens < second.usage.prompt_tokens
    assert second.text == ANSWERS[1].answer


def test_of_the_same_prompt_one_token_is_computed_again(start_engine: StartEngine, tiny_model: Path) -> None:
    engine = start_engine(tiny_model)
    first, again = engine.ask(SYSTEM), engine.ask(SYSTEM)
    assert (first.usage.cached_tokens, again.usage.cached_tokens) == (0, again.usage.prompt_tokens - 1)
    assert again.text == first.text


def test_the_answer_is_part_of_what_the_next_turn_finds(start_engine: StartEngine, tiny_model: Path) -> None:
    engine = start_engine(tiny_model)
    prompt = engine.tokens(SYSTEM)
    first = engine.ask(prompt, Wish(max_tokens=20))
    following = np.array([*prompt, *first.tokens, *engine.tokens("go on")], dtype=np.int32)
    # The last token was told to the client, but nothing followed it, so it was never computed.
    assert engine.ask(following).usage.cached_tokens == len(prompt) + 19


def test_the_beginning_is_copied_from_a_slot_at_work(start_engine: StartEngine, answering_model: Path) -> None:
    engine = start_engine(answering_model, parallel=2)
    one, other = (prompt_of(engine, f"{HOTEL} {HOTEL}", known.question) for known in ANSWERS[:2])
    first = engine.submit(one, PATIENT)
    engine.begun(first)
    second = engine.ask(other, PATIENT)
    assert second.usage.cached_tokens >= common_of(one, other)
    assert [engine.answer(first).text, second.text] == [known.answer for known in ANSWERS[:2]]


def test_what_a_cut_request_has_read_is_kept(start_engine: StartEngine, tiny_model: Path) -> None:
    engine = start_engine(tiny_model)
    first = engine.submit(SYSTEM, Wish(max_tokens=300))
    engine.begun(first)
    engine.engine.cancel(first)
    engine.answer(first)
    assert engine.ask(SYSTEM).usage.cached_tokens == len(first.prompt) - 1


def test_reused_tokens_are_counted(start_engine: StartEngine, tiny_model: Path) -> None:
    engine = start_engine(tiny_model)
    cached = sum(engine.ask(SYSTEM).usage.cached_tokens for _ in range(3))
    assert engine.engine.statistics().cached_tokens == cached > 0
