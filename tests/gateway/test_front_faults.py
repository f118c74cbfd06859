"""Clients that are slow, silent, endless or gone, before a real gateway."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, closing
from functools import partial

import pytest

from tests.support.counting_upstream.process import CountingUpstream, StartUpstream
from tests.support.counting_upstream.script import HEAD, Script
from tests.support.form import Form
from tests.support.gateways import KEY, GatewayProcess, StartGateway, hosted, opened
from tests.support.waiting import wait_until

CHAT = "/v1/chat/completions"
BODY = {"model": "chat", "messages": [{"role": "user", "content": "Ahoy"}]}
MIB = 1 << 20


def _head(*lines: str) -> bytes:
    told = [f"POST {CHAT} HTTP/1.1", "host: x", f"authorization: Bearer {KEY}", *lines]
    return "\r\n".join([*told, "content-type: application/json", "", ""]).encode()


def _connected(gateway: GatewayProcess, sent: bytes = b"") -> socket.socket:
    made = socket.socket()
    # What a client keeps for itself without reading it is little.
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
    made.settimeout(30)
    made.connect(("127.0.0.1", gateway.port))
    made.sendall(sent)
    return made


def _closed(client: socket.socket) -> bool:
    client.settimeout(0.01)
    try:
        return client.recv(1 << 16) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_g01_heads_that_come_byte_by_byte_are_cut_and_others_are_served(
    start_gateway: StartGateway, start_upstream: StartUpstream, form: Form
) -> None:
    gateway = start_gateway(opened(hosted(start_upstream("llamacpp"))), "--head-seconds=2")
    with ExitStack() as stack:
        slow = [
            stack.enter_context(closing(_connected(gateway, b"GET / HTTP/1.1\r\nx: ")))
            for _ in range(form.count(small=200, large=2000))
        ]
        assert gateway.ask(CHAT, BODY)[0] == 200

        def all_closed() -> bool:
            for client in slow:
                try:
                    client.sendall(b"y")
                except OSError:
                    continue
            return gateway.metric("plimsoll_gateway_connections_cut_total", reason="head") >= len(slow)

        wait_until(all_closed, 10, "all of them are cut")
        wait_until(lambda: all(_closed(client) for client in slow), 10, "all of them know")
    assert gateway.ask(CHAT, BODY)[0] == 200


def test_a_body_that_stops_coming_is_408(start_gateway: StartGateway, start_upstream: StartUpstream) -> None:
    gateway = start_gateway(opened(hosted(start_upstream("llamacpp"))), "--body-seconds=1")
    with closing(_connected(gateway, _head("content-length: 100") + b"{")) as client:
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 408 ")


def _endless(client: socket.socket, chunk: bytes, seconds: float) -> bytes:
    """Sends until nobody takes it, and reads meanwhile."""
    heard, deadline = b"", time.monotonic() + seconds
    client.settimeout(0.05)
    while time.monotonic() < deadline:
        try:
            client.sendall(chunk)
            heard += client.recv(1 << 16)
        except TimeoutError:
            continue
        except OSError:
            break
        if b"\r\n\r\n" in heard:
            break
    return heard


@pytest.mark.parametrize(
    ("lines", "chunk"),
    [
        (["content-length: 1073741824"], b"x" * 65536),
        (["transfer-encoding: chunked"], b"100000\r\n" + b"x" * MIB + b"\r\n"),
    ],
    ids=["with a length", "without"],
)
def test_g03_a_body_without_end_is_413_and_never_in_memory(
    start_gateway: StartGateway, start_upstream: StartUpstream, lines: list[str], chunk: bytes
) -> None:
    gateway = start_gateway(opened(hosted(start_upstream("llamacpp"))), "--body-seconds=10")
    gateway.ask(CHAT, BODY)
    before = gateway.memory
    with closing(_connected(gateway, _head(*lines))) as client:
        heard = _endless(client, chunk, 20)
        assert heard.startswith(b"HTTP/1.1 413 ")
        most = max(gateway.memory - before, 0)
    assert most <= 4 * MIB + 32 * MIB


def test_g03_less_than_was_promised_is_408(start_gateway: StartGateway, start_upstream: StartUpstream) -> None:
    gateway = start_gateway(opened(hosted(start_upstream("llamacpp"))), "--body-seconds=1")
    with closing(_connected(gateway, _head("content-length: 4000000") + b"x" * 1000)) as client:
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 408 ")


def test_g02_a_stream_that_nobody_reads_costs_little_and_ends_at_the_deadline(
    start_gateway: StartGateway, start_upstream: StartUpstream, form: Form
) -> None:
    upstream = start_upstream("llamacpp")
    upstream.script(Script(words=("ahoy " * 2000,) * 400))
    gateway = start_gateway(opened(hosted(upstream)), "--write-seconds=3")
    count = form.count(small=20, large=200)
    body = b'{"model":"chat","stream":true,"max_tokens":400,"messages":[{"role":"user","content":"Ahoy"}]}'
    before = gateway.memory
    with ExitStack() as stack:
        clients = [
            stack.enter_context(closing(_connected(gateway, _head(f"content-length: {len(body)}") + body)))
            for _ in range(count)
        ]
        assert all(client.recv(16) for client in clients)
        cut = partial(gateway.metric, "plimsoll_gateway_connections_cut_total", reason="write")
        wait_until(lambda: cut() == count, 20, lambda: f"all are cut, not {cut():g}")
        assert gateway.memory - before <= count * 256 * 1024 + 32 * MIB
    wait_until(lambda: len(gateway.records()) == count, 10, "each is recorded")


def test_beyond_as_many_connections_as_may_be_the_next_one_is_told(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    gateway = start_gateway(opened(hosted(start_upstream("llamacpp"))), "--connections=5")
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(closing(_connected(gateway)))
        with closing(_connected(gateway)) as late:
            assert late.recv(1 << 16).startswith(b"HTTP/1.1 503 ")
    wait_until(lambda: gateway.ask(CHAT, BODY)[0] == 200, 10, "others are served again")


def test_g07_a_client_that_leaves_before_its_answer_leaves_nothing_behind(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    upstream: CountingUpstream = start_upstream("llamacpp")
    upstream.script(Script(holds={HEAD: "never"}))
    gateway = start_gateway(opened(hosted(upstream)))
    body = b'{"model":"chat","messages":[{"role":"user","content":"Ahoy"}]}'
    with closing(_connected(gateway, _head(f"content-length: {len(body)}") + body)):
        upstream.wait_held("never")
    upstream.wait_ended(seconds=3)
    wait_until(lambda: gateway.metric("plimsoll_inflight_requests") == 0, 5, "nothing is inside")
    assert [record.outcome for record in gateway.records()] == ["cancelled"]
    assert gateway.wait_requests(1)[0]["cancelled"] is True
