"""What a side of a duel records: throughput, waiting, and what both cost."""

import math
from collections.abc import Callable, Mapping

from bench.engine.duels import Figures
from bench.engine.load import Burst
from bench.engine.servers import Server

# One figure of one burst and of the server that it was sent to.
Measure = Callable[[Burst, Server], float]


def tokens_per_second(burst: Burst, _: Server) -> float:
    return burst.tokens_per_second


def first_token(burst: Burst, _: Server) -> float:
    return burst.first_token_seconds


def tokens_per_processor_second(burst: Burst, _: Server) -> float:
    return burst.tokens / burst.server_seconds


def processor_seconds_per_token(burst: Burst, _: Server) -> float:
    return burst.server_seconds / burst.tokens


def client_seconds_per_token(burst: Burst, _: Server) -> float:
    return burst.client_seconds / burst.tokens


def prompt_tokens_per_second(burst: Burst, _: Server) -> float:
    """Of one client whose answers have one token: prompts are all that is computed."""
    return burst.prompt_tokens / burst.seconds


def peak_memory(_: Burst, server: Server) -> float:
    return server.peak_bytes()


def rows(measures: Mapping[str, tuple[str, Measure]]) -> Figures:
    """For each row the cell that it looks at, and what it takes from there."""

    def figures(bursts: Mapping[str, Burst], servers: Mapping[str, Server]) -> dict[str, float]:
        return {row: measure(bursts[cell], servers[cell]) for row, (cell, measure) in measures.items()}

    return figures


def with_mean(row: str, figures: Figures) -> Figures:
    """The same rows and one more with their geometric mean: the ratio of two such means is the mean of the ratios."""

    def more(bursts: Mapping[str, Burst], servers: Mapping[str, Server]) -> dict[str, float]:
        found = dict(figures(bursts, servers))
        return found | {row: geometric_mean(list(found.values()))}

    return more


def geometric_mean(figures: list[float]) -> float:
    return math.exp(sum(map(math.log, figures)) / len(figures))


def both(first: Figures, second: Figures) -> Figures:
    def figures(bursts: Mapping[str, Burst], servers: Mapping[str, Server]) -> dict[str, float]:
        return {**first(bursts, servers), **second(bursts, servers)}

    return figures
