"""Numbers that llama.cpp would abort on do not reach it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from plimsoll.runtime.checking import InvalidJob, check_job
from plimsoll.runtime.requests import Job, Sampling


def _job(prompt: list[int] | None = None, **changes: object) -> Job:
    tokens = np.array([1, 2, 3] if prompt is None else prompt, dtype=np.int32)
    job = Job("one", tokens, 5, Sampling(), lambda _delta: None)
    return replace(job, **changes)  # type: ignore[arg-type]


def _check(job: Job, *, generates: bool = True) -> None:
    check_job(job, n_vocab=100, context=10, generates=generates)


def test_an_ordinary_job_passes() -> None:
    _check(_job())
    _check(_job([1] * 9))
    _check(_job([1] * 10, max_tokens=0), generates=False)


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (_job([]), "no tokens"),
        (_job([1] * 10), "has 10 tokens; a request may have 10"),
        (_job([1, -1]), "outside of the vocabulary"),
        (_job([1, 100]), "outside of the vocabulary"),
        (_job(prompt=None, max_tokens=0), "max_tokens is 0"),
        (_job(top_logprobs=21), "top_logprobs is 21"),
        (_job(top_logprobs=-1), "top_logprobs is -1"),
        (_job(sampling=Sampling(temperature=-0.1)), "temperature"),
        (_job(sampling=Sampling(temperature=math.nan)), "temperature"),
        (_job(sampling=Sampling(top_p=1.1)), "top_p"),
        (_job(sampling=Sampling(top_k=-1)), "top_k"),
        (_job(sampling=Sampling(top_k=2**31)), "top_k"),
        (_job(sampling=Sampling(min_p=math.inf)), "min_p"),
        (_job(sampling=Sampling(repeat_penalty=0.0)), "repeat_penalty"),
        (_job(sampling=Sampling(frequency_penalty=math.inf)), "frequency_penalty"),
        (_job(sampling=Sampling(logit_bias={100: 1.0})), "logit_bias names the token 100"),
        (_job(sampling=Sampling(logit_bias={1: math.nan})), "logit_bias has nan"),
    ],
)
def test_what_must_not_be_computed_is_refused_with_its_name(job: Job, words: str) -> None:
    with pytest.raises(InvalidJob, match=words):
        _check(job)


def test_a_prompt_must_be_of_whole_numbers_of_the_right_size() -> None:
    job = _job()
    job.prompt = np.array([1, 2], dtype=np.int64)
    with pytest.raises(InvalidJob, match="no list of tokens"):
        _check(job)
