"""The upstream has every byte of its connections in its own hands."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from tests.support.counting_upstream.asked import marked
from tests.support.counting_upstream.process import CountingUpstream, counting_upstream
from tests.support.counting_upstream.script import Script
from tests.support.counting_upstream.wire import Caller, Ears, Gone, listen
from tests.support.traffic.question import Question, Wanted, streamed


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CountingUpstream]:
    with counting_upstream("openai", tmp_path_factory.mktemp("upstream")) as upstream:
        yield upstream


def on_the_wire(upstream: CountingUpstream, case: str) -> bytes:
    question = Question(streamed("boat", marked(case)), Wanted(""), headers={"connection": "close"})
    got = b""
    with socket.create_connection(("127.0.0.1", upstream.port)) as connection:
        connection.sendall(question.bytes_for("here"))
        while more := connection.recv(1 << 16):
            got += more
    return got


def test_events_end_in_the_other_kind_of_line_where_the_script_says_so(upstream: CountingUpstream) -> None:
    upstream.script(Script(crlf=True), case="crlf")
    assert on_the_wire(upstream, "crlf").endswith(b"data: [DONE]\r\n\r\n\r\n0\r\n\r\n")
    assert on_the_wire(upstream, "plain").endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


def test_comments_stand_before_every_event_where_the_script_says_so(upstream: CountingUpstream) -> None:
    upstream.script(Script(comments=True, words=("one", " two")), case="comments")
    # The opening, two words, the end and [DONE].
    assert on_the_wire(upstream, "comments").count(b": still here\n\ndata: ") == 5
    assert b"still here" not in on_the_wire(upstream, "plain")


def test_others_have_a_turn_between_words_and_who_has_said_goodbye_is_sent_nothing() -> None:
    seen: list[str] = []

    async def serve(caller: Caller) -> None:
        asyncio.get_running_loop().call_soon(seen.append, "a turn")
        await caller.flush()
        seen.append("flushed")
        await caller.ears.gone.wait()
        with pytest.raises(Gone):
            caller.put(b"too late")
        seen.append("gone")

    async def call() -> None:
        server = await listen(serve, 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        server.close()

    asyncio.run(call())
    assert seen == ["a turn", "flushed", "gone"]


def test_ears_hear_a_goodbye_while_nobody_reads() -> None:
    async def hear() -> bool:
        ears = Ears()
        ears.feed_eof()
        return ears.gone.is_set()

    assert asyncio.run(hear())
