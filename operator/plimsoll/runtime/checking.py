"""The last look at a request before its numbers reach llama.cpp, which ends the process on what it does not expect."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from plimsoll.errors import UserError
from plimsoll.runtime.requests import Job, Sampling

_LARGEST_INT = 2**31 - 1
MOST_TOP_LOGPROBS = 20


class InvalidJob(UserError):
    """A request that must not be computed. `plimsoll.runtime.http` has said so before, in the client's own words."""

    def __init__(self, message: str) -> None:
        super().__init__(message, fix="Correct the request.")


def check_job(job: Job, n_vocab: int, context: int, *, generates: bool) -> None:
    for problem in _problems(job, n_vocab, context, generates=generates):
        raise InvalidJob(problem)


def _problems(job: Job, n_vocab: int, context: int, *, generates: bool) -> Iterator[str]:
    prompt = job.prompt
    if prompt.ndim != 1 or prompt.dtype != np.int32:
        yield "the prompt is no list of tokens"
    elif not len(prompt):
        yield "the prompt has no tokens"
    elif len(prompt) + int(generates) > context:
        yield f"the prompt has {len(prompt)} tokens; a request may have {context}"
    elif int(prompt.min()) < 0 or int(prompt.max()) >= n_vocab:
        yield f"the prompt has tokens outside of the vocabulary of {n_vocab}"
    if not generates:
        return
    if job.max_tokens < 1:
        yield f"max_tokens is {job.max_tokens}; it must be at least 1"
    if job.top_logprobs is not None and not 0 <= job.top_logprobs <= min(MOST_TOP_LOGPROBS, n_vocab - 1):
        yield f"top_logprobs is {job.top_logprobs}; at most {MOST_TOP_LOGPROBS} are told"
    yield from _sampling_problems(job.sampling, n_vocab)


def _sampling_problems(sampling: Sampling, n_vocab: int) -> Iterator[str]:
    bounds = {
        "temperature": (sampling.temperature, 0.0, 100.0),
        "top_p": (sampling.top_p, 0.0, 1.0),
        "min_p": (sampling.min_p, 0.0, 1.0),
        "top_k": (sampling.top_k or 0, 0, _LARGEST_INT),
        "frequency_penalty": (sampling.frequency_penalty, -100.0, 100.0),
        "presence_penalty": (sampling.presence_penalty, -100.0, 100.0),
        "repeat_penalty": (sampling.repeat_penalty, 0.01, 100.0),
    }
    for name, (value, lowest, highest) in bounds.items():
        # Written so that what is no number at all does not pass either.
        if not lowest <= value <= highest:
            yield f"{name} is {value}; it must be between {lowest:g} and {highest:g}"
    for token, bias in sampling.logit_bias.items():
        if not 0 <= token < n_vocab:
            yield f"logit_bias names the token {token}, which is outside of the vocabulary of {n_vocab}"
        if math.isnan(bias) or bias == math.inf:
            yield f"logit_bias has {bias} for the token {token}"
