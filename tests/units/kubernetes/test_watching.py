"""A watch tells everything once and then every change, whatever happens to its streams. Time is virtual."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

from plimsoll.cluster import kinds
from plimsoll.cluster.client import Client
from plimsoll.cluster.errors import ClusterError, Expired, Forbidden, Unavailable
from plimsoll.cluster.kinds import Kind, Object
from plimsoll.cluster.watching import Watch
from tests.support.virtual_time import run

_SILENCE: Any = object()


def _pod(name: str, version: int) -> Object:
    return {"metadata": {"name": name, "namespace": "team", "resourceVersion": str(version)}}


class _Server(Client):
    """Lists and streams by script: an exception is raised, _SILENCE never ends."""

    def __init__(self, lists: list[Any], streams: list[list[Any]]) -> None:
        self.lists = lists
        self.streams = streams
        self.since: list[str] = []

    async def pages(self, *_: Any) -> AsyncIterator[tuple[list[Object], str]]:
        told = self.lists.pop(0)
        if isinstance(told, Exception):
            raise told
        yield told, "10"

    async def watch(
        self, kind: Kind, namespace: str | None, labels: str, since: str
    ) -> AsyncGenerator[tuple[str, Object]]:
        self.since.append(since)
        script: list[Any] = self.streams.pop(0) if self.streams else [_SILENCE]
        for each in script:
            if isinstance(each, Exception):
                raise each
            if each is _SILENCE:
                await asyncio.Event().wait()
            yield each


class _Ears:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def told(self, kind: Kind, what: str, about: Object) -> None:
        self.heard.append(f"{what} {about['metadata']['name']}")

    def complete(self, kind: Kind, namespace: str | None, there: Any, version: str) -> None:
        self.heard.append(f"complete {sorted(name for _, name in there)} at {version}")

    def alive(self, kind: Kind) -> None:
        pass

    def deaf(self, kind: Kind, error: ClusterError) -> None:
        self.heard.append(f"deaf: {error.message}")


def _heard(server: _Server, seconds: float, check: Callable[[Watch], None] = lambda _: None) -> list[str]:
    async def main() -> list[str]:
        ears = _Ears()
        watch = Watch(server, kinds.POD, None, "a=b", ears)
        running = asyncio.ensure_future(watch.run())
        await asyncio.sleep(seconds)
        check(watch)
        running.cancel()
        return ears.heard

    return run(main())


def test_everything_is_listed_then_followed_from_there() -> None:
    server = _Server([[_pod("a", 3)]], [[("ADDED", _pod("b", 11)), ("DELETED", _pod("a", 12)), _SILENCE]])
    assert _heard(server, 5) == ["LISTED a", "complete ['a'] at 10", "ADDED b", "DELETED a"]
    assert server.since == ["10"]


def test_it_is_known_when_everything_was_listed() -> None:
    def check(watch: Watch) -> None:
        assert watch.listed.is_set()

    _heard(_Server([[]], []), 1, check)


def test_a_stream_that_ends_goes_on_where_it_was() -> None:
    server = _Server([[]], [[("BOOKMARK", _pod("", 15))], [("ADDED", _pod("b", 16)), _SILENCE]])
    assert _heard(server, 5) == ["complete [] at 10", "ADDED b"]
    assert server.since == ["10", "15"]


def test_a_stream_that_breaks_goes_on_where_it_was_without_another_list() -> None:
    broken = [("ADDED", _pod("b", 16)), Unavailable("cut")]
    server = _Server([[]], [broken, [Unavailable("cut")], [("ADDED", _pod("c", 17)), _SILENCE]])
    assert _heard(server, 5) == ["complete [] at 10", "ADDED b", "deaf: cut", "deaf: cut", "ADDED c"]
    assert server.since == ["10", "16", "16"]


def test_a_silent_stream_is_left_for_another() -> None:
    server = _Server([[]], [[_SILENCE], [("ADDED", _pod("b", 16)), _SILENCE]])
    assert _heard(server, 75) == ["complete [] at 10", "ADDED b"]
    assert server.since == ["10", "10"]


def test_a_stream_that_speaks_now_and_then_is_kept() -> None:
    class Slow(_Server):
        async def watch(self, *_: Any) -> AsyncGenerator[tuple[str, Object]]:
            self.since.append("once")
            while True:
                await asyncio.sleep(60)
                yield "BOOKMARK", _pod("", 11)

    server = Slow([[]], [])
    _heard(server, 600)
    assert server.since == ["once"]


def test_after_too_long_everything_is_listed_again() -> None:
    server = _Server([[_pod("a", 3)], [_pod("b", 20)]], [[Expired("gone")], [_SILENCE]])
    heard = _heard(server, 1)
    assert heard == ["LISTED a", "complete ['a'] at 10", "LISTED b", "complete ['b'] at 10"]


def test_a_server_that_is_away_is_asked_again_and_again_more_slowly() -> None:
    server = _Server([Unavailable("away")] * 5 + [[]], [])
    assert _heard(server, 1 + 2 + 4 + 8 + 15) == ["deaf: away"] * 5
    server = _Server([Unavailable("away")] * 5 + [[]], [])
    assert _heard(server, 1 + 2 + 4 + 8 + 16 + 1) == ["deaf: away"] * 5 + ["complete [] at 10"]


def test_a_missing_right_is_told_and_comes_back_when_it_is_given() -> None:
    server = _Server([Forbidden("may not", "list", "pods"), [_pod("a", 3)]], [])
    assert _heard(server, 2) == ["deaf: may not", "LISTED a", "complete ['a'] at 10"]
