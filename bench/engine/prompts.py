"""What the clients ask: invented text that no server has seen before, and the requests around it."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product

import orjson

from bench.engine.models import ALIAS

COMPLETIONS = "/v1/completions"
CHAT = "/v1/chat/completions"
GREEDY: Mapping[str, object] = {"temperature": 0.0}
# Every number is told, as the servers have defaults of their own.
SAMPLED: Mapping[str, object] = {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.0}
# Each of these words is one token of the models with random weights.
_SYLLABLES = [consonant + vowel for consonant, vowel in product("bcdfghjklmnprstvwz", "aeiou")]


@dataclass(frozen=True)
class Workload:
    """One kind of request."""

    prompt_words: int = 100
    new_tokens: int = 64
    sampling: Mapping[str, object] = field(default_factory=lambda: SAMPLED)
    path: str = COMPLETIONS
    extra: Mapping[str, object] = field(default_factory=dict)


def words(count: int, rng: random.Random) -> str:
    return " ".join(rng.choice(_SYLLABLES) + rng.choice(_SYLLABLES) for _ in range(count))


def requests(workload: Workload, count: int, rng: random.Random) -> list[bytes]:
    """So many requests as they go over the wire, each with a prompt and a seed of its own."""
    return [request(workload, words(workload.prompt_words, rng), rng.randrange(1, 2**31)) for _ in range(count)]


def request(workload: Workload, prompt: str, seed: int) -> bytes:
    asked = {"messages": [{"role": "user", "content": prompt}]} if workload.path == CHAT else {"prompt": prompt}
    body = orjson.dumps(
        {
            "model": ALIAS,
            **asked,
            "max_tokens": workload.new_tokens,
            "seed": seed,
            "stream": True,
            "stream_options": {"include_usage": True},
            **workload.sampling,
            **workload.extra,
        }
    )
    head = (
        f"POST {workload.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
