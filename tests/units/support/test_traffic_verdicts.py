"""An answer is right, a clean error or a lie, by what came over the wire and nothing else."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tests.support.form import Form
from tests.support.traffic.heard import Heard, Hearing
from tests.support.traffic.question import Wanted
from tests.support.traffic.verdict import Kind, judge

ERROR = {"message": "no wind", "type": "server_error", "param": None, "code": "upstream_error"}
RIGHT = Wanted("Ahoy there")


def head(status: int = 200, kind: str = "text/event-stream; charset=utf-8", more: str = "") -> bytes:
    return f"HTTP/1.1 {status} Whatever\r\ncontent-type: {kind}\r\n{more}\r\n".encode()


def chunked(*parts: bytes, end: bool = True) -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return head(more="transfer-encoding: chunked\r\n") + body + (b"0\r\n\r\n" if end else b"")


def whole(said: Any, status: int = 200) -> bytes:
    body = json.dumps(said).encode()
    return head(status, "application/json", f"content-length: {len(body)}\r\n") + body


def event(said: Any) -> bytes:
    return b"data: " + json.dumps(said).encode() + b"\n\n"


def delta(text: str = "", finish: str | None = None, **more: Any) -> bytes:
    return event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}], **more})


def message(text: str = "Ahoy there", finish: str = "stop", **more: Any) -> Any:
    return {"choices": [{"index": 0, "message": {"content": text}, "finish_reason": finish}], **more}


DONE = b"data: [DONE]\n\n"
USAGE = event({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}})
WORDS = (delta("Ahoy"), delta(" there"))
STREAM = (*WORDS, delta(finish="stop"))
PLAIN_ERROR = event({"error": ERROR})

JUDGED: dict[str, tuple[bytes, Kind]] = {
    "a whole stream": (chunked(*STREAM, DONE), Kind.RIGHT),
    "with comments": (chunked(b": still here\n\n", *STREAM, b": still here\n\n", DONE), Kind.RIGHT),
    "a whole body": (whole(message()), Kind.RIGHT),
    "a whole body with usage": (whole(message(usage={"prompt_tokens": 5, "completion_tokens": 2})), Kind.RIGHT),
    "an error with a status": (whole({"error": ERROR}, 503), Kind.CLEAN_ERROR),
    "an error in a stream": (chunked(*WORDS, PLAIN_ERROR, DONE), Kind.CLEAN_ERROR),
    "an error in a stream without [DONE]": (chunked(*WORDS, PLAIN_ERROR), Kind.CLEAN_ERROR),
    "an error in a stream that is then cut": (chunked(*WORDS, PLAIN_ERROR, end=False), Kind.CLEAN_ERROR),
    "nothing": (b"", Kind.NO_ANSWER),
    "half a head": (b"HTTP/1.1 200 OK\r\ncontent-", Kind.NO_ANSWER),
    "a cut stream": (chunked(*WORDS, end=False), Kind.LIE),
    "a stream that ends early as if it were whole": (chunked(*WORDS), Kind.LIE),
    "a stream that ends early with [DONE]": (chunked(*WORDS, DONE), Kind.LIE),
    "a stream without [DONE]": (chunked(*STREAM), Kind.LIE),
    "a stream without its last chunk": (chunked(*STREAM, DONE, end=False), Kind.LIE),
    "a stream that goes on after [DONE]": (chunked(*STREAM, DONE, delta("!")), Kind.LIE),
    "a stream with half an event at its end": (chunked(*STREAM, DONE, b'data: {"ch'), Kind.LIE),
    "a stream with an event that is no JSON": (chunked(delta("Ahoy"), b"data: {\n\n", *STREAM[1:], DONE), Kind.LIE),
    "a stream with another text": (chunked(delta("Ahoy"), delta(finish="stop"), DONE), Kind.LIE),
    "a stream with another end": (chunked(*WORDS, delta(finish="length"), DONE), Kind.LIE),
    "a stream with usage that nobody asked for": (chunked(*STREAM, USAGE, DONE), Kind.LIE),
    "a status with a page": (head(502, "text/html", "content-length: 4\r\n") + b"<no>", Kind.LIE),
    "a status with an error in another shape": (whole({"detail": "no"}, 500), Kind.LIE),
    "a status with an error without a message": (whole({"error": ERROR | {"message": ""}}, 500), Kind.LIE),
    "a status with an error without a code": (whole({"error": {"message": "no", "type": "x"}}, 500), Kind.LIE),
    "an error as if it were an answer": (whole({"error": ERROR}), Kind.LIE),
    "an error after the end": (chunked(*STREAM, PLAIN_ERROR), Kind.LIE),
    "a cut body": (whole(message())[:-9], Kind.LIE),
    "a body that is no JSON": (head(more="content-length: 2\r\n", kind="application/json") + b"{]", Kind.LIE),
    "a body that is no object": (whole(["no"]), Kind.LIE),
    "no HTTP": (b"\x16\x03\x01 no\r\n\r\n", Kind.NO_ANSWER),
}


def heard(data: bytes, cuts: list[int] | None = None) -> Heard:
    hearing = Hearing(Heard())
    for start, end in zip([0, *(cuts or [])], [*(cuts or []), len(data)], strict=True):
        hearing.feed(data[start:end], float(start))
    return hearing.heard


@pytest.mark.parametrize("name", JUDGED)
def test_an_answer_is_judged(name: str) -> None:
    data, kind = JUDGED[name]
    verdict = judge(heard(data), RIGHT)
    assert verdict.kind is kind, verdict
    assert bool(verdict.why) == (kind is not Kind.RIGHT)


@pytest.mark.parametrize("name", JUDGED)
def test_an_answer_in_pieces_is_judged_alike(name: str, form: Form) -> None:
    data, kind = JUDGED[name]
    chance = random.Random(f"{form.seed}:{name}")
    for _ in range(form.count(small=20, large=2_000)):
        cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(8)))
        assert judge(heard(data, cuts), RIGHT).kind is kind, cuts
    assert judge(heard(data, list(range(1, len(data)))), RIGHT).kind is kind


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (chunked(*STREAM, USAGE, DONE), ""),
        (chunked(*STREAM, DONE), "no usage"),
        (chunked(*STREAM, USAGE.replace(b"5", b"6"), DONE), "usage (6, 2) in place of (5, 2)"),
        (chunked(delta("Ahoy", usage={"prompt_tokens": 5}), *STREAM[1:], USAGE, DONE), "usage beside the words"),
        (whole(message()), "no usage"),
        (whole(message(usage={"prompt_tokens": 5, "completion_tokens": 2})), ""),
    ],
)
def test_usage_that_was_asked_for_has_to_come_and_be_right(data: bytes, why: str) -> None:
    verdict = judge(heard(data), Wanted("Ahoy there", usage=(5, 2)))
    assert (verdict.kind is Kind.RIGHT) == (why == "")
    assert verdict.why.startswith(why)


def test_each_of_several_answers_has_to_be_right() -> None:
    both = [{"index": index, "message": {"content": "Ahoy there"}, "finish_reason": "stop"} for index in (0, 1)]
    assert judge(heard(whole({"choices": both})), Wanted("Ahoy there", answers=2)).kind is Kind.RIGHT
    assert judge(heard(whole({"choices": both[:1]})), Wanted("Ahoy there", answers=2)).kind is Kind.LIE


def test_a_caller_that_left_judges_nothing() -> None:
    found = heard(chunked(*WORDS, end=False))
    found.left = True
    assert judge(found, RIGHT).kind is Kind.LEFT
