"""The upstream is played by a process that says what it is told, counts before it sends, and remembers what came."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.counting_upstream.asked import marked
from tests.support.counting_upstream.counters import Counters, Counts
from tests.support.counting_upstream.process import CountingUpstream, StartUpstream, counting_upstream
from tests.support.counting_upstream.script import HEAD, WORDS, Script
from tests.support.traffic.heard import Heard
from tests.support.traffic.question import Question, Wanted, streamed
from tests.support.traffic.raw import Callers

TEXT = "".join(WORDS)


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CountingUpstream]:
    with counting_upstream("vllm", tmp_path_factory.mktemp("upstream")) as upstream:
        yield upstream


def stream(case: str, **more: Any) -> Question:
    return Question(streamed("boat", f"Ahoy {marked(case)}"), Wanted(TEXT), **more)


def ask(upstream: CountingUpstream, *questions: Question) -> list[Heard]:
    async def all_of_them() -> list[Heard]:
        callers = Callers("127.0.0.1", upstream.port)
        heard = await asyncio.gather(*(callers.ask(each) for each in questions))
        callers.close()
        return heard

    return asyncio.run(all_of_them())


def test_what_a_caller_has_got_is_counted_already(upstream: CountingUpstream) -> None:
    upstream.script(Script(prompt_tokens=7, cached_tokens=3, reasoning=2), case="whole")
    ask(upstream, stream("whole"))
    # vLLM counts the end of the text too.
    assert upstream.total("whole") == Counts(prompt=7, cached=3, completion=2 + len(WORDS) + 1, reasoning=2)
    (seen,) = upstream.wait_ended("whole")
    assert seen.how == "whole"


@pytest.mark.parametrize("rudely", [False, True])
@pytest.mark.parametrize("words", range(len(WORDS)))
def test_a_caller_that_leaves_has_cost_the_words_that_were_sent(
    upstream: CountingUpstream, words: int, rudely: bool
) -> None:
    case = f"left-{words}-{rudely}"
    upstream.script(Script(holds={words: f"never-{case}"}), case=case)
    ask(upstream, stream(case, leave_after=words, rudely=rudely))
    (seen,) = upstream.wait_ended(case)
    assert (seen.how, seen.counts.completion) == ("gone", words)
    assert seen.counts.prompt == (11 if words else 0)


def test_what_was_counted_comes_whole_to_whoever_says_goodbye_and_listens_on(upstream: CountingUpstream) -> None:
    upstream.script(Script(words=("word ",) * 1_000, holds={500: "never-goodbye"}), case="goodbye")
    got = b""
    with socket.create_connection(("127.0.0.1", upstream.port)) as connection:
        connection.sendall(stream("goodbye").bytes_for("here"))
        upstream.wait_held("never-goodbye")
        connection.shutdown(socket.SHUT_WR)
        while more := connection.recv(1 << 16):
            got += more
    (seen,) = upstream.wait_ended("goodbye")
    assert (seen.how, seen.counts.completion, got.count(b'"content":"word "')) == ("gone", 500, 500)


def test_a_caller_that_leaves_is_noticed_while_words_flow(upstream: CountingUpstream) -> None:
    upstream.script(Script(words=("word ",) * 20_000), case="flowing")
    ask(upstream, stream("flowing", leave_after=1))
    (seen,) = upstream.wait_ended("flowing")
    assert seen.how == "gone"
    assert 0 < seen.counts.completion < 20_000


def test_nothing_is_said_before_the_test_lets_it(upstream: CountingUpstream) -> None:
    async def held_and_let() -> None:
        callers = Callers("127.0.0.1", upstream.port)
        asking = asyncio.create_task(callers.ask(stream("held")))
        await asyncio.to_thread(upstream.wait_held, "first byte")
        assert upstream.total("held") == Counts()
        assert not asking.done()
        upstream.let("first byte")
        assert (await asking).texts == {0: TEXT}
        callers.close()

    upstream.script(Script(holds={HEAD: "first byte"}), case="held")
    asyncio.run(held_and_let())


def test_scripts_are_taken_one_after_the_other_and_the_last_stays(upstream: CountingUpstream) -> None:
    upstream.script(Script(status=503), Script(status=429, headers=(("retry-after", "7"),)), Script(), case="again")
    heard = [ask(upstream, stream("again"))[0] for _ in range(4)]
    assert [each.status for each in heard] == [503, 429, 200, 200]
    assert heard[1].headers["retry-after"] == "7"
    assert len(upstream.requests("again")) == 4


def test_requests_are_known_by_the_last_mark_in_their_text_and_others_share_a_script(
    upstream: CountingUpstream,
) -> None:
    upstream.script(Script(words=("mine",)), case="mine")
    (mine,) = ask(upstream, Question(streamed("boat", f"{marked('other')} {marked('mine')}"), Wanted("")))
    (other,) = ask(upstream, Question(streamed("boat", marked("unheard-of")), Wanted("")))
    assert (mine.texts, other.texts) == ({0: "mine"}, {0: TEXT})


def test_requests_are_kept_as_they_came(upstream: CountingUpstream) -> None:
    question = stream("kept", key="sk-secret", headers={"x-request-id": "seven"})
    ask(upstream, question)
    (seen,) = upstream.requests("kept")
    assert json.loads(seen.begun.body) == question.body
    assert (seen.header("authorization"), seen.header("x-request-id")) == ("Bearer sk-secret", "seven")


def test_a_body_in_chunks_is_read(upstream: CountingUpstream) -> None:
    body = json.dumps(streamed("boat", marked("chunks"))).encode()
    halves = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:9], body[9:]))
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", upstream.port)) as connection:
        connection.sendall(head + halves + b"0\r\n\r\n")
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
        while connection.recv(1 << 16):
            pass
    (seen,) = upstream.requests("chunks")
    assert seen.begun.body == body


def test_a_request_that_allows_few_tokens_gets_few(upstream: CountingUpstream) -> None:
    question = Question(streamed("boat", marked("few"), max_tokens=3), Wanted("".join(WORDS[:3]), "length"))
    (heard,) = ask(upstream, question)
    assert (heard.texts, heard.finishes) == ({0: question.wanted.text}, {0: "length"})
    assert upstream.total("few").completion == 3


def test_an_upstream_that_refuses_takes_no_connection_until_it_accepts(upstream: CountingUpstream) -> None:
    upstream.refuse()
    assert ask(upstream, stream("refused"))[0].trouble == "the connection broke: ConnectionRefusedError"
    upstream.accept()
    assert ask(upstream, stream("refused"))[0].status == 200


def test_an_upstream_that_hangs_says_nothing_until_it_goes_on(upstream: CountingUpstream) -> None:
    async def ask_with(patience: float) -> Heard:
        callers = Callers("127.0.0.1", upstream.port, patience)
        heard = await callers.ask(stream("hung"))
        callers.close()
        return heard

    upstream.hang()
    assert asyncio.run(ask_with(0.1)).trouble == "hung for 0.1 s"
    upstream.go_on()
    assert asyncio.run(ask_with(30)).status == 200


def test_what_was_counted_outlives_the_upstream(start_upstream: StartUpstream) -> None:
    upstream = start_upstream("openai")
    upstream.script(Script(holds={2: "never"}))
    ask(upstream, stream("killed", leave_after=2))
    upstream.wait_ended("killed")
    upstream.kill()
    (seen,) = Counters(upstream.journal).requests()
    assert (seen.how, seen.counts) == ("gone", Counts(prompt=11, completion=2))


def test_an_upstream_ends_when_nobody_holds_it_any_more(start_upstream: StartUpstream) -> None:
    upstream = start_upstream("llamacpp")
    upstream.end()
    assert ask(upstream, stream("late"))[0].status == 0
