"""Two requests that begin alike: the second has to compute only what it does not share with the first."""

import random

from bench.engine.duels import warm_up
from bench.engine.prompts import Workload, request, words
from bench.engine.servers import Load, Server
from bench.frame.runner import Record

ROW = "shared-prefix"
PREFIX_WORDS = 2000
_OWN_WORDS = 20
WORKLOAD = Workload(prompt_words=_OWN_WORDS, new_tokens=8)


class SharedPrefix:
    """A new prefix each time, asked twice with different ends, one after the other."""

    def __init__(self, server: Server, rng: random.Random) -> None:
        self._server = server
        self._rng = rng

    def second(self, record: Record) -> None:
        record(ROW, self._first_token_seconds()[1])

    def first(self, record: Record) -> None:
        record(ROW, self._first_token_seconds()[0])

    def _first_token_seconds(self) -> list[float]:
        warm_up([self._server], WORKLOAD, self._rng)
        prefix = words(PREFIX_WORDS, self._rng)
        return [self._ask(f"{prefix} {words(_OWN_WORDS, self._rng)}") for _ in range(2)]

    def _ask(self, prompt: str) -> float:
        asked = request(WORKLOAD, prompt, self._rng.randrange(1, 2**31))
        return self._server.play(Load([asked], 1, WORKLOAD.new_tokens)).first_token_seconds
