"""What the HTTP side hands to the engine's thread and what comes back: plain values, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Finish(StrEnum):
    """Why a request ended. The HTTP side has its own words for them."""

    STOP = "stop"  # end of text, a stop string, or a constraint that is fulfilled
    LENGTH = "length"  # maxTokens, or the context is full
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # no slot was free in time
    DRAINED = "drained"  # the time to end was over
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Sampling:
    """As the client asked; `top_k` None is the engine's own cap, 0 is none at all."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int | None = None
    min_p: float = 0.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    repeat_penalty: float = 1.0
    seed: int | None = None
    logit_bias: Mapping[int, float] = field(default_factory=dict)


class Constraint(Protocol):
    """What the next token may be. One object for one request, used by one thread at a time."""

    def compute_mask(self) -> NDArray[np.uint32] | None:
        """A bit for each token, least significant first; None: every token is allowed. Runs beside llama_decode."""

    def accept(self, token: int) -> bool:
        """Told of each sampled token, the end of text too. False: the token was not allowed."""

    @property
    def finished(self) -> bool:
        """Nothing more may follow."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Exact: counted where tokens are evaluated and sampled, also for requests that were cut.

    `completion_tokens` are the sampled tokens without the token that means the end of text; never more than
    `max_tokens`. A token that completes a stop string counts. `prompt_tokens` of a request that was cut are those
    that had been read by then.
    """

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """One sampled token and, where asked for, the logarithms of its probability and of the likeliest ones."""

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Delta:
    """What one step brought one request. The last has `finish`; it and the first with a token have `usage`."""

    text: str = ""
    tokens: Sequence[int] = ()
    choices: Sequence[TokenChoice] = ()
    finish: Finish | None = None
    usage: Usage | None = None
    error: str | None = None  # with Finish.FAILED
    retry_after: int | None = None  # with Finish.EXPIRED, in seconds
    embedding: NDArray[np.float32] | None = None  # of length 1, with Finish.STOP in the mode embed


@dataclass(slots=True, eq=False)
class Job:
    """One answer that is wanted. Made by the HTTP side; after `submit` only the engine's thread changes it."""

    id: str
    prompt: NDArray[np.int32]
    max_tokens: int
    sampling: Sampling
    sink: Callable[[Delta], None]  # called in the thread of the event loop
    stops: tuple[str, ...] = ()
    constraint: Constraint | None = None
    top_logprobs: int | None = None  # None: no logarithms at all
    patience: float | None = None  # seconds that it may wait for a slot; None: as long as it takes
    since: float = 0.0  # when it began to wait, by the engine's clock
    cancelled: bool = False  # set by anybody, seen by the engine at its next step
