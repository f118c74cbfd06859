"""A cache makes room, and never takes what a pod may have mounted."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from plimsoll.api.reasons import Reason
from plimsoll.plan.weights_cache import key_of
from plimsoll.weights import eviction
from plimsoll.weights.eviction import Cache, make_room
from plimsoll.weights.folder import Folder
from tests.support.fetching import bring, files_in, not_brought, order, whole
from tests.support.gguf_maker import Made
from tests.support.model_server import ModelServer

KEPT_AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR, DAY = 3600.0, 86400.0


def folder(cache: Path, letter: str, before: float) -> Path:
    """One that was used for the last time so many seconds before the operator made its list."""
    made = Folder(cache / (letter * 32), letter)
    made.use()
    (made.path / "weights.gguf").write_bytes(b"x" * 1000)
    used = KEPT_AT.timestamp() - before
    os.utime(made.own / "used", (used, used))
    return made.path


def room(monkeypatch: pytest.MonkeyPatch, cache: Path, total: int) -> None:
    """A volume of this size, of which every folder takes one."""
    monkeypatch.setattr(eviction, "free_bytes", lambda _: total - len(list(cache.glob("[a-f]" * 32))))


def names(cache: Path) -> str:
    return "".join(sorted(path.name[0] for path in cache.iterdir()))


def test_what_was_used_longest_ago_goes_first_and_only_as_much_as_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for letter, before in (("a", 3 * HOUR), ("b", 5 * HOUR), ("c", 4 * HOUR)):
        folder(tmp_path, letter, before)
    room(monkeypatch, tmp_path, 4)
    lines: list[str] = []
    make_room(Cache(tmp_path, frozenset(), KEPT_AT), tmp_path / "own", 3, lines.append)
    assert names(tmp_path) == "a"
    assert [line.split()[1][0] for line in lines] == ["b", "c"]


def test_what_was_not_used_for_thirty_days_goes_also_while_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(tmp_path, "a", 29 * DAY)
    folder(tmp_path, "b", 31 * DAY)
    room(monkeypatch, tmp_path, 100)
    make_room(Cache(tmp_path, frozenset(), KEPT_AT), tmp_path / "own", 1, lambda _: None)
    assert names(tmp_path) == "a"


def test_nothing_goes_that_is_in_use_or_was_used_since(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = folder(tmp_path, "a", 90 * DAY)
    folder(tmp_path, "b", 60.0)
    folder(tmp_path, "c", -5 * DAY)
    own = folder(tmp_path, "d", 90 * DAY)
    (tmp_path / "lost+found").mkdir()
    (tmp_path / ("e" * 32)).mkdir()
    room(monkeypatch, tmp_path, 0)
    make_room(Cache(tmp_path, frozenset({kept.name}), KEPT_AT), own, 1 << 40, lambda _: None)
    assert names(tmp_path) == "abcdel"


def test_without_a_list_nothing_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path, "a", 90 * DAY)
    room(monkeypatch, tmp_path, 0)
    make_room(Cache(tmp_path), tmp_path / "own", 1 << 40, lambda _: None)
    assert names(tmp_path) == "a"


def test_a_folder_that_a_pod_begins_to_use_in_that_very_moment_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = folder(tmp_path, "a", 90 * DAY)
    rename = Path.rename

    def used_before(self: Path, target: Path) -> Path:
        if self == going:
            Folder(going, "a").use()
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", used_before)
    lines: list[str] = []
    make_room(Cache(tmp_path, frozenset(), KEPT_AT), tmp_path / "own", 1, lines.append)
    assert (going / "weights.gguf").exists()
    assert lines == []


def test_what_a_killed_process_left_on_its_way_out_goes(tmp_path: Path) -> None:
    folder(tmp_path, "a", 90 * DAY).rename(tmp_path / ("a" * 32 + ".going"))
    make_room(Cache(tmp_path, frozenset(), KEPT_AT), tmp_path / "own", 1, lambda _: None)
    assert names(tmp_path) == ""


def test_a_download_makes_room_for_itself(
    server: ModelServer, tiny: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = {"http": {"url": server.add("/x.gguf", whole(tiny))}}
    old, kept = folder(tmp_path, "a", 90 * DAY), folder(tmp_path, "b", 90 * DAY)
    cache = Cache(tmp_path, frozenset({kept.name}), KEPT_AT)
    wanted = order(source, tmp_path / key_of("k", None), open_to=server.host, cache=cache)
    bring(wanted)
    assert not old.exists()
    assert kept.exists()
    assert files_in(wanted.folder.path) == ["x.gguf"]


def test_a_cache_that_is_full_of_what_is_in_use_is_a_full_disk(
    server: ModelServer, tiny: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = {"http": {"url": server.add("/x.gguf", whole(tiny))}}
    kept = folder(tmp_path, "a", 90 * DAY)
    for module in ("getting", "eviction", "volume"):
        monkeypatch.setattr(f"plimsoll.weights.{module}.free_bytes", lambda _: 10)
    cache = Cache(tmp_path, frozenset({kept.name}), KEPT_AT)
    not_brought(order(source, tmp_path / "new", open_to=server.host, cache=cache), Reason.DISK_FULL)
    assert kept.exists()


def test_a_cache_that_is_not_there_is_told_as_trouble_with_the_volume(
    server: ModelServer, tiny: Made, tmp_path: Path
) -> None:
    source = {"http": {"url": server.add("/x.gguf", whole(tiny))}}
    cache = Cache(tmp_path / "gone", frozenset(), KEPT_AT)
    wanted = order(source, tmp_path / "m", open_to=server.host, cache=cache)
    assert "look at the volume" in not_brought(wanted, Reason.DOWNLOAD_FAILED).fix
