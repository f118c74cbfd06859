"""Bodies of real requests with a few bytes changed: flipped, cut, doubled, or replaced by what JSON is made of."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

_PIECES = [
    *b'{}[]:,"\\0',
    *(b"null", b"true", b"NaN", b"1e400", b"-1", b"9" * 60, b'"n":1,', b"\\ud800", b"\\u0061"),
    *(b"\xff", b"\xed\xa0\x80"),
    *(
        b'"role":"system",',
        b'"model":"x",',
        b"[" * 300,
        b"[" * 140 + b"]" * 140 + b",",
        b'{"a":' * 150,
        b"\x00",
        b"\xef\xbb\xbf",
        b'"temperature":2,',
    ),
]
_CHAT = {
    "model": "team/small",
    "messages": [
        {"role": "system", "content": "당신은 친절한 선생님입니다."},
        {"role": "user", "content": [{"type": "text", "text": 'Say "hi" \\ \n 😀'}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
    "temperature": 0.7,
    "max_tokens": 512,
    "stop": ["</s>", "User:"],
    "stream": True,
    "stream_options": {"include_usage": True},
    "logit_bias": {"12": -100},
    "seed": None,
}
_COMPLETION = {"model": "small", "prompt": ["Once", "Twice"], "n": 2, "top_p": 1e-2, "stop": "\n"}
_EMBEDDING = {"model": "small", "input": [[1, 2, 3], [4, 5]], "encoding_format": "base64"}
BODIES = [
    json.dumps(each, ensure_ascii=ascii_only).encode()
    for each in (_CHAT, _COMPLETION, _EMBEDDING)
    for ascii_only in (True, False)
]


def damaged(seed: int, count: int) -> Iterator[bytes]:
    rng = random.Random(seed)
    for _ in range(count):
        raw = bytearray(rng.choice(BODIES))
        for _ in range(rng.randint(0, 3)):
            _damage(raw, rng)
        yield bytes(raw)


def _damage(raw: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(raw) + 1)
    match rng.randrange(6):
        case 0:
            raw[at:at] = _piece(rng)
        case 1:
            raw[at : at + rng.randint(1, 8)] = _piece(rng)
        case 2:
            del raw[at : at + rng.randint(1, 20)]
        case 3:
            raw[at:at] = raw[at : at + rng.randint(1, 40)]
        case 4 if raw:
            raw[at % len(raw)] = rng.randrange(256)
        case _:
            # Between two fields, where many of the pieces make sense.
            found = raw.find(b", ", at)
            raw[found + 2 : found + 2] = _piece(rng)


def _piece(rng: random.Random) -> bytes:
    piece = rng.choice(_PIECES)
    return bytes([piece]) if isinstance(piece, int) else piece
