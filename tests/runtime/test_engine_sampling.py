"""How the next token is chosen: seeds, bias, penalties, logarithms, constraints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from plimsoll.runtime.requests import Finish, Sampling
from tests.support.engines import StartEngine, Wish


class OnlyThese:
    """A constraint that allows some tokens and ends after a few."""

    def __init__(self, n_vocab: int, allowed: set[int], length: int) -> None:
        bits = np.zeros((n_vocab + 31) // 32 * 32, dtype=np.uint8)
        bits[list(allowed)] = 1
        self._mask = np.packbits(bits, bitorder="little").view(np.uint32)
        self._allowed = allowed
        self._left = length

    def compute_mask(self) -> NDArray[np.uint32]:
        return self._mask

    def accept(self, token: int) -> bool:
        self._left -= 1
        return token in self._allowed

    @property
    def finished(self) -> bool:
        return self._left <= 0


class Broken(OnlyThese):
    def compute_mask(self) -> NDArray[np.uint32]:
        raise RuntimeError("too complex")


class Refusing(OnlyThese):
    def accept(self, token: int) -> bool:
        return False


def _sampled(**changes: object) -> Wish:
    return Wish(max_tokens=30, sampling=Sampling(**{"temperature": 1.5, **changes}))  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_text_and_another_seed_another(
    start_engine: StartEngine, tiny_model: Path
) -> None:
    engine = start_engine(tiny_model, parallel=1)
    first, again, other = (engine.ask("ba", _sampled(seed=seed)).text for seed in (7, 7, 8))
    assert first == again != other


def test_without_a_seed_two_answers_differ(start_engine: StartEngine, tiny_model: Path) -> None:
    engine = start_engine(tiny_model)
    assert engine.ask("ba", _sampled()).text != engine.ask("ba", _sampled()).text


def test_a_seed_may_be_any_whole_number(start_engine: StartEngine, tiny_model: Path) -> None:
    engine = start_engine(tiny_model, parallel=1)
    for seed in (-1, 0xFFFFFFFF, 2**70):
        assert engine.ask("ba", _sampled(seed=seed)).text == engine.ask("ba", _sampled(seed=seed)).text


@pytest.mark.parametrize("changes", [{"top_k": 1}, {"top_p": 0.0001}, {"min_p": 1.0}])
def test_a_narrow_choice_is_the_likeliest_token(
    start_engine: StartEngine, tiny_model: Path, changes: dict[str, float]
) -> None:
    engine = start_engine(tiny_model, parallel=1)
    greedy = engine.ask("ba", Wish(max_tokens=30))
    assert engine.ask("ba", _sampled(**changes)).tokens == greedy.tokens


def test_without_a_limit_on_candidates_an_answer_comes_too(start_engine: StartEngine, tiny_model: Path) -> None:
    assert start_engine(tiny_model).ask("ba", _sampled(top_k=0, top_p=0.9)).usage.completion_tokens == 30


def test_a_bias_forbids_and_forces_tokens(start_engine: StartEngine, tiny_model: Path) -> None:
    engine = start_engine(tiny_model)
    usual = engine.ask("ba", Wish(max_tokens=1)).tokens[0]
    forbidden = engine.ask("ba", Wish(10, Sampling(temperature=0.0, logit_bias={usual: -100.0})))
    assert usual not in forbidden.tokens
    forced = engine.ask("ba", _sampled(logit_bias={300: 1000.0}))
    assert forced.tokens == [300] * 30


def test_penalties_keep_an_answer_from_repeating_itself(start_engine: StartEngine, tiny_model: Path) -> None:
    engine = start_engine(tiny_model)
    loop = {300: 90.0, 301: 89.0}
    plain = engine.ask("ba", Wish(10, Sampling(temperature=0.0, logit_bias=loop)))
    assert set(plain.tokens) == {300}
    frequency = engine.ask("ba", Wish(10, Sampling(temperature=0.0, logit_bias=loop, frequency_penalty=20.0)))
    assert {300, 301} <= set(frequency.tokens)
    repeat = engine.ask("ba", Wish(2, Sampling(temperature=0.0, logit_bias=loop, repeat_penalty=5.0)))
    assert sorted(repeat.tokens) == [300, 301]


def test_logarithms_are_told_for_those_who_ask(start_engine: StartEngine, tiny_model: Path) -> None:
    engine = start_engine(tiny_model)
    assert engine.ask("ba", Wish(max_tokens=3)).choices == []
    answer = engine.ask("ba", Wish(max_tokens=5, top_logprobs=3))
    assert [choice.token for choice in answer.choices] == answer.tokens
    for choice in answer.choices:
        assert choice.top[0] == (choice.token, choice.logprob)
        assert len(choice.top) == 3
        assert sum(np.exp(logprob) for _, logprob in choice.top) <= 1.0


def test_logarithms_are_those_of_the_model_whatever_is_added_to_its_logits(
    start_engine: StartEngine, tiny_model: Path
) -> None:
    engine = start_engine(tiny_model)
    plain = engine.ask("ba", Wish(max_tokens=1, top_logprobs=2)).choices[0]
    second = plain.top[1]
    forced = Sampling(temperature=0.0, logit_bias={second[0]: 100.0})
    biased = engine.ask("ba", Wish(max_tokens=1, top_logprobs=2, sampling=forced)).choices[0]
    assert biased.token == second[0]
    assert biased.logprob == pytest.approx(second[1], abs=1e-4)


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_a_constraint_is_kept_and_ends_the_answer(
    start_engine: StartEngine, tiny_model: Path, temperature: float
) -> None:
    engine = start_engine(tiny_model)
    constraint = OnlyThese(engine.model.n_vocab, {260, 333, 400}, length=12)
    answer = engine.ask("ba", Wish(50, Sampling(temperature=temperature), constraint=constraint))
    assert answer.finish is Finish.STOP
    assert len(answer.tokens) == 12
    assert set(answer.tokens) <= {260, 333, 400}


@pytest.mark.parametrize(
    ("kind", "allowed", "words"),
    [(Broken, {300}, "could not be followed"), (OnlyThese, set(), "allows nothing"), (Refusing, {300}, "not allowed")],
)
def test_a_constraint_that_cannot_be_kept_ends_its_request_and_no_other(
    start_engine: StartEngine, tiny_model: Path, kind: type[OnlyThese], allowed: set[int], words: str
) -> None:
    engine = start_engine(tiny_model)
    beside = engine.submit("be", Wish(max_tokens=50))
    answer = engine.ask("ba", Wish(constraint=kind(engine.model.n_vocab, allowed, length=5)))
    assert answer.finish is Finish.FAILED
    assert words in (answer.error or "")
    assert answer.tokens == []
    assert engine.answer(beside).finish is Finish.LENGTH
    assert engine.engine.statistics().slots_busy == 0
