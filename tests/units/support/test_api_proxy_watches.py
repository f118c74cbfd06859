"""What the proxy does to watches: frozen, dropped, doubled, told late, expired and broken."""

from __future__ import annotations

import http.client
import json
import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.api_calls import watches_of
from tests.support.api_proxy import ApiProxy
from tests.support.toy_api_server import ToyApiServer
from tests.support.waiting import wait_until
from tests.units.support.conftest import PODS


@contextmanager
def watching(proxy: ApiProxy, path: str = PODS) -> Iterator[http.client.HTTPResponse]:
    before = len(proxy.open_watches())
    connection = http.client.HTTPConnection("127.0.0.1", int(proxy.url.rpartition(":")[2]), timeout=5)
    connection.request("GET", f"{path}?watch=true")
    answer = connection.getresponse()
    wait_until(lambda: len(proxy.open_watches()) > before, 5, "the watch is open")
    try:
        yield answer
    finally:
        answer.close()
        connection.close()


def name_in(line: bytes) -> str:
    return str(json.loads(line)["object"]["metadata"]["name"])


def test_an_event_passes_at_once_and_is_numbered(proxy: ApiProxy, server: ToyApiServer) -> None:
    with watching(proxy) as stream:
        for name in ("whale", "squid"):
            server.tell(name, version=5)
            assert name_in(stream.readline()) == name
    assert [(e.number, e.type, e.resource, e.namespace, e.name, e.version) for e in proxy.events()] == [
        (1, "MODIFIED", "pods", "sea", "whale", "5"),
        (2, "MODIFIED", "pods", "sea", "squid", "5"),
    ]


def test_a_frozen_watch_is_silent_and_loses_nothing(proxy: ApiProxy, server: ToyApiServer) -> None:
    with watching(proxy) as stream:
        proxy.freeze_watches(watches_of("pods"))
        server.tell("whale")
        wait_until(proxy.events, 5, "the event has reached the proxy")
        server.tell("squid")
        wait_until(lambda: len(proxy.events()) == 2, 5, "the second event has reached the proxy")
        with watching(proxy) as later:
            server.tell("crab")
            wait_until(lambda: len(proxy.events()) == 4, 5, "both streams have it")
            assert select.select([stream.fileno(), later.fileno()], [], [], 0)[0] == []
            proxy.thaw_watches()
            assert name_in(later.readline()) == "crab"
        assert [name_in(stream.readline()) for _ in range(3)] == ["whale", "squid", "crab"]


@pytest.mark.parametrize(
    ("trick", "heard"),
    [("drop", ["a", "c", "d"]), ("twice", ["a", "b", "b", "c", "d"]), ("late", ["a", "c", "b", "d"])],
)
def test_the_second_event_can_be_dropped_doubled_or_told_late(
    proxy: ApiProxy, server: ToyApiServer, trick: Any, heard: list[str]
) -> None:
    proxy.trick_watches(lambda event: event.number == 2, trick)
    with watching(proxy) as stream:
        for name in "abcd":
            server.tell(name)
        assert [name_in(stream.readline()) for _ in heard] == heard
        assert select.select([stream.fileno()], [], [], 0)[0] == []


def test_all_that_was_told_is_told_again_in_another_order(proxy: ApiProxy, server: ToyApiServer) -> None:
    with watching(proxy) as stream:
        for name in "abcdef":
            server.tell(name)
        first = [name_in(stream.readline()) for _ in range(6)]
        assert proxy.replay_watches(seed=1) == 6
        again = [name_in(stream.readline()) for _ in range(6)]
    assert again != first
    assert sorted(again) == first


def test_an_expired_watch_ends_with_an_error_event(proxy: ApiProxy, server: ToyApiServer) -> None:
    with watching(proxy) as stream:
        proxy.expire_watches()
        last = json.loads(stream.readline())
        assert (last["type"], last["object"]["code"], last["object"]["reason"]) == ("ERROR", 410, "Expired")
        assert stream.readline() == b""


def test_a_broken_watch_ends_without_a_word(proxy: ApiProxy) -> None:
    with watching(proxy) as stream:
        proxy.break_watches()
        with pytest.raises(http.client.IncompleteRead):
            stream.read()
