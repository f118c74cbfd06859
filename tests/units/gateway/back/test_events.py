"""Events pass as they came, in whatever pieces, and say what they say; usage goes only to those who asked for it."""

from __future__ import annotations

import orjson
import pytest

from plimsoll.gateway.events import Events, View
from plimsoll.routing.policy import Prompt

PLAIN = View(usage=False, running=False, told_running=False, prompt=None)
ASKED = View(usage=True, running=False, told_running=False, prompt=None)
RUNNING = View(usage=False, running=False, told_running=True, prompt=None)
WORD = b'data: {"choices":[{"index":0,"delta":{"content":"Ahoy"},"finish_reason":null}]}\n\n'
END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}\n\n'
DONE = b"data: [DONE]\n\n"
STREAM = WORD + END + USAGE + DONE


@pytest.mark.parametrize("size", [1, 2, 7, 50, 1000])
def test_a_stream_in_pieces_of_any_size_is_the_same_stream(size: int) -> None:
    events = Events(PLAIN)
    passed = b"".join(events.feed(STREAM[at : at + size]) for at in range(0, len(STREAM), size))
    assert passed == WORD + END
    assert events.seen.done
    assert (events.seen.texts, events.seen.finishes) == (1, 1)
    assert events.seen.usage == {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}


def test_half_an_event_is_kept_until_it_is_whole() -> None:
    events = Events(PLAIN)
    assert events.feed(WORD + WORD[:20]) == WORD
    assert events.feed(WORD[20:]) == WORD


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_lines_may_end_as_on_other_systems(size: int) -> None:
    stream = STREAM.replace(b"\n", b"\r\n")
    events = Events(PLAIN)
    passed = b"".join(events.feed(stream[at : at + size]) for at in range(0, len(stream), size))
    assert passed == (WORD + END).replace(b"\n", b"\r\n")
    assert events.seen.done


def test_comments_and_other_fields_are_no_events() -> None:
    events = Events(PLAIN)
    assert events.feed(b": still here\n\nevent: ping\n\n") == b""
    assert not events.seen.any
    named = b"event: chunk\nid: 7\n" + WORD
    assert events.feed(named) == named


def test_usage_is_seen_by_whoever_asked_for_it() -> None:
    assert Events(ASKED).feed(USAGE) == USAGE
    assert Events(PLAIN).feed(USAGE) == b""


def test_usage_beside_words_is_taken_out_and_the_rest_stays() -> None:
    event = {"choices": [{"index": 0, "delta": {"content": "Ahoy"}}], "usage": {"prompt_tokens": 3}}
    block = b"data: " + orjson.dumps(event) + b"\n\n"
    events = Events(RUNNING)
    assert events.feed(block) == b'data: {"choices":[{"index":0,"delta":{"content":"Ahoy"}}]}\n\n'
    assert events.seen.running == {0: {"prompt_tokens": 3}}
    asked = View(usage=True, running=False, told_running=True, prompt=None)
    assert Events(asked).feed(block).endswith(b'"usage":null}\n\n')
    wanted = View(usage=True, running=True, told_running=True, prompt=None)
    assert Events(wanted).feed(block) == block


USED = '"usage":{"prompt_tokens":3,"total_tokens":4,"prompt_tokens_details":{"cached_tokens":1}}'
HEAD = '{"id":"a","choices":[{"index":0,"delta":{"content":'


@pytest.mark.parametrize(
    ("event", "left"),
    [
        (HEAD + '"Ahoy"}}],' + USED + "}", HEAD + '"Ahoy"}}]}'),
        # A text that looks like usage, and usage that does not stand at the end.
        (HEAD + '",\\"usage\\":{}}"}}],' + USED + "}", HEAD + '",\\"usage\\":{}}"}}]}'),
        ('{"id":"a",' + USED + "," + HEAD.removeprefix('{"id":"a",') + '"Ahoy"}}]}', HEAD + '"Ahoy"}}]}'),
        # One more of them where it belongs to nobody.
        (HEAD + '"Ahoy"},' + USED + "}]," + USED + "}", HEAD + '"Ahoy"},' + USED + "}]}"),
    ],
    ids=["at the end", "in a text", "at the beginning", "of a choice"],
)
def test_usage_is_taken_out_wherever_it_stands(event: str, left: str) -> None:
    assert Events(RUNNING).feed(f"data: {event}\n\n".encode()) == f"data: {left}\n\n".encode()


def test_usage_is_taken_out_of_an_event_of_several_lines() -> None:
    lines = f'data: {HEAD}\ndata: "Ahoy"}}}}],{USED}}}\n: ,{USED}}}\n\n'
    fed = Events(RUNNING).feed(lines.encode())
    assert all(line.startswith(b"data: ") for line in fed.split(b"\n") if line)
    assert orjson.loads(fed.removeprefix(b"data: ")) == orjson.loads(HEAD + '"Ahoy"}}]}')


@pytest.mark.parametrize(
    ("delta", "texts"),
    [
        ({"role": "assistant", "content": ""}, 0),
        ({"content": None}, 0),
        ({"content": "a"}, 1),
        ({"reasoning_content": "a"}, 1),
        ({"reasoning": "a"}, 1),
        ({"refusal": "no"}, 1),
        ({"tool_calls": [{"index": 0, "function": {"name": "sail", "arguments": ""}}]}, 0),
        ({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}, 1),
    ],
)
def test_only_events_with_text_count(delta: object, texts: int) -> None:
    events = Events(PLAIN)
    events.feed(b"data: " + orjson.dumps({"choices": [{"index": 0, "delta": delta}]}) + b"\n\n")
    assert events.seen.texts == texts


@pytest.mark.parametrize("bad", [b'data: {"choices":[{"del\n\n', b'data: {"choices":[{"text":"\xff"}]}\n\n'])
def test_an_event_that_is_no_json_ends_the_stream_with_trouble(bad: bytes) -> None:
    events = Events(PLAIN)
    assert events.feed(WORD + bad + WORD) == WORD
    assert events.seen.trouble is not None
    assert events.seen.trouble.code == "upstream_broken"


def test_an_error_is_trouble_and_its_words_stay_here() -> None:
    events = Events(PLAIN)
    assert events.feed(b'data: {"error":{"message":"CUDA out of memory at 0x7f","code":500}}\n\n') == b""
    assert events.seen.trouble is not None
    assert "CUDA" not in events.seen.trouble.message


def test_text_about_an_error_is_none() -> None:
    event = b'data: {"choices":[{"index":0,"delta":{"content":"error"}}]}\n\n'
    assert Events(PLAIN).feed(event) == event


def test_an_error_that_quotes_a_locked_prompt_does_not() -> None:
    secret = "You never tell anybody the name of the ship"
    prompt = Prompt(role="r", lock_system=True, system=secret, answer_prefix="A:")
    events = Events(View(usage=False, running=False, told_running=False, prompt=prompt))
    told = {"error": {"message": f"bad: {secret}", "type": "invalid_request_error", "code": 400}}
    events.feed(b"data: " + orjson.dumps(told) + b"\n\n")
    assert events.seen.trouble is not None
    assert secret not in events.seen.trouble.message


def test_nothing_comes_after_the_last_event() -> None:
    events = Events(PLAIN)
    assert events.feed(DONE + WORD) == b""
    assert events.feed(WORD) == b""


def test_an_event_without_end_is_trouble_before_it_fills_the_memory() -> None:
    events = Events(PLAIN)
    for _ in range(20):
        events.feed(b"x" * 65536)
    assert events.seen.trouble is not None


def test_json_of_a_shape_that_nobody_knows_goes_on() -> None:
    events = Events(PLAIN)
    block = b'data: {"choices":"none today"}\n\n'
    assert events.feed(block) == block
    assert events.seen.trouble is None
