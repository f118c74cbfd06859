"""One process at a time: who waits, who takes over, and who has to stop."""

from __future__ import annotations

import asyncio
import time
from itertools import count
from pathlib import Path

import pytest

from plimsoll.api.reasons import Reason
from plimsoll.weights.folder_lock import FolderLock, LockLost, Owner, Patience
from plimsoll.weights.getting import get
from tests.support.fetching import PATIENCE, around, bring, files_in, order, whole
from tests.support.gguf_maker import Made
from tests.support.model_server import Asked, ModelServer, Reply, changed, served

_numbers = count()


def lock(folder: Path, machine: str = "one", patience: Patience = PATIENCE) -> FolderLock:
    return FolderLock(folder, Owner(machine, f"process-{next(_numbers)}"), patience, time.monotonic)


async def given_up(*locks: FolderLock) -> None:
    for each in locks:
        async with each:
            pass


def test_only_one_has_it(tmp_path: Path) -> None:
    first, second = lock(tmp_path, "one"), lock(tmp_path, "two")
    assert first.try_to_take()
    assert not second.try_to_take()
    asyncio.run(given_up(first))
    assert second.try_to_take()


def test_of_two_who_take_over_at_once_one_gets_it(tmp_path: Path) -> None:
    dead = lock(tmp_path, "dead")
    assert dead.try_to_take()
    assert [lock(tmp_path, name).try_to_take(silent=1) for name in ("two", "three")] == [True, False]


def test_who_looked_long_ago_does_not_get_a_number_that_others_are_past(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        asyncio.run(given_up_after_taking(lock(tmp_path)))
    slow = lock(tmp_path, "slow")
    answers = iter([1])
    last = slow._last
    monkeypatch.setattr(slow, "_last", lambda: next(answers, None) or last())
    assert not slow.try_to_take(silent=1)


async def given_up_after_taking(taken: FolderLock) -> None:
    assert taken.try_to_take()
    await given_up(taken)


def test_a_living_owner_keeps_it_however_long_somebody_waits(tmp_path: Path) -> None:
    async def both() -> bool:
        owner, other = lock(tmp_path, "one"), lock(tmp_path, "two", Patience(0.02, 0.2, 0.01))
        assert owner.try_to_take()
        async with owner:
            waiting = asyncio.create_task(other.take(lambda: False, lambda _: None))
            # Four times as long as silence is borne.
            done, _ = await asyncio.wait([waiting], timeout=0.8)
            waiting.cancel()
            return bool(done)

    assert not asyncio.run(both())


def test_an_owner_that_falls_silent_is_followed_by_who_waits(tmp_path: Path) -> None:
    async def both() -> None:
        silent = lock(tmp_path, "one", Patience(beat=1000, dead=1000, look=1))
        assert silent.try_to_take()
        other = lock(tmp_path, "two", Patience(0.02, 0.1, 0.01))
        async with silent:
            assert await other.take(lambda: False, lambda _: None)
            with pytest.raises(LockLost):
                silent.require()
            async with other:
                other.require()

    asyncio.run(both())


def test_who_waits_says_for_whom_and_stops_when_all_is_done(tmp_path: Path) -> None:
    lines: list[str] = []
    answers = iter([False, False, True])
    assert lock(tmp_path, "pod-1").try_to_take()
    assert not asyncio.run(lock(tmp_path, "pod-2").take(lambda: next(answers), lines.append))
    assert lines == ["waiting: pod-1 is loading the same files"]


def test_on_one_machine_the_dead_are_known_at_once(tmp_path: Path) -> None:
    dead = lock(tmp_path)
    assert dead.try_to_take()
    assert not lock(tmp_path).try_to_take()
    dead._let_go()  # as the kernel does it for a process that was killed
    assert lock(tmp_path).try_to_take()


def test_a_lock_that_was_never_written_is_not_taken_for_a_free_one(tmp_path: Path) -> None:
    (tmp_path / "lock-7").touch()
    assert not lock(tmp_path).try_to_take()
    assert lock(tmp_path).try_to_take(silent=7)


def test_of_two_who_want_the_same_file_one_loads_and_one_waits(server: ModelServer, tiny: Made, tmp_path: Path) -> None:
    wanted = order({"http": {"url": server.add("/x.gguf", whole(tiny))}}, tmp_path, open_to=server.host)
    lines: list[list[str]] = [[], []]

    async def both() -> None:
        await asyncio.gather(
            *(get(wanted, around(own, owner=Owner(f"pod-{n}", str(n)))) for n, own in enumerate(lines))
        )

    asyncio.run(both())
    assert sum(any("downloading" in line for line in own) for own in lines) == 1
    assert sum(any("waiting: pod-" in line for line in own) for own in lines) == 1
    assert len([asked for asked in server.asked if asked.range and asked.range[0] == 0]) == 2
    assert files_in(tmp_path) == ["x.gguf"]


def test_who_was_taken_for_dead_stops_and_uses_what_the_other_brought(
    server: ModelServer, tiny: Made, tmp_path: Path
) -> None:
    content = whole(tiny)
    taken: list[FolderLock] = []

    def robbed(asked: Asked, reply: Reply) -> Reply:
        if asked.range and asked.range[0] > 0 and not taken:
            taken.append(lock(tmp_path / ".plimsoll", "thief"))
            assert taken[0].try_to_take(silent=1)
        return reply

    server.routes["/x.gguf"] = changed(served(content), robbed)
    wanted = order({"http": {"url": f"{server.base}/x.gguf"}}, tmp_path, open_to=server.host)
    lines = bring(wanted, owner=Owner("slow", "1"))
    assert any("took this one for dead" in line for line in lines)
    assert files_in(tmp_path) == ["x.gguf"]


def test_who_failed_leaves_the_try_to_the_next(server: ModelServer, tiny: Made, tmp_path: Path) -> None:
    wanted = order({"http": {"url": f"{server.base}/x.gguf"}}, tmp_path, open_to=server.host)
    with pytest.raises(Exception, match="404") as raised:
        bring(wanted, owner=Owner("pod-1", "1"))
    assert getattr(raised.value, "reason", None) is Reason.SOURCE_NOT_FOUND
    server.add("/x.gguf", whole(tiny))
    assert not any("waiting" in line for line in bring(wanted, owner=Owner("pod-2", "2")))
