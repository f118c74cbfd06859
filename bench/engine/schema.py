"""What it costs to hold an answer to a JSON schema, per token, where there are 128,000 tokens to choose from."""

import random
from dataclasses import replace

from bench.engine.duels import warm_up
from bench.engine.prompts import CHAT, Workload, requests
from bench.engine.servers import Load, Server
from bench.frame.runner import Record

ROWS = ("schema-1", "schema-16")
# Every kind of value that masks differ by, and never done before the last token that is asked for.
_RECORD = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "kind": {"enum": ["first", "second", "third"]},
        "size": {"type": "integer", "minimum": 0, "maximum": 9999},
        "ratio": {"type": "number"},
        "seen": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]{2,8}$"}, "maxItems": 3},
    },
    "required": ["name", "kind", "size", "ratio", "seen", "tags"],
    "additionalProperties": False,
}
SCHEMA = {
    "type": "object",
    "properties": {"records": {"type": "array", "items": _RECORD, "minItems": 50}},
    "required": ["records"],
    "additionalProperties": False,
}
_RESPONSE_FORMAT = {"type": "json_schema", "json_schema": {"name": "records", "schema": SCHEMA}}
FREE = Workload(prompt_words=20, new_tokens=128, path=CHAT)
HELD = replace(FREE, extra={"response_format": _RESPONSE_FORMAT})


class SchemaCost:
    """The same server answers freely and held to the schema; the difference is the cost."""

    def __init__(self, server: Server, rng: random.Random) -> None:
        self._server = server
        self._rng = rng

    def measure(self, record: Record) -> None:
        warm_up([self._server], HELD, self._rng)
        for row, clients in zip(ROWS, (1, 16), strict=True):
            times = dict.fromkeys(self._rng.sample((False, True), 2), 0.0)
            for held in times:
                times[held] = self._seconds_per_token(held, clients)
            # Where the masks are ready before the step is, they cost nothing, and what is left is noise.
            record(row, max(0.0, times[True] - times[False]))

    def _seconds_per_token(self, held: bool, clients: int) -> float:
        workload = HELD if held else FREE
        asked = requests(workload, 4 * clients, self._rng)
        burst = self._server.play(Load(asked, clients, workload.new_tokens))
        return burst.seconds / burst.tokens
