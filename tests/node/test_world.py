"""A look at the host sees what a cluster could leave there, also what has no name."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.waiting import wait_until
from tests.support.world import World, look

_MARK = "left-behind-by-a-test"


@pytest.fixture
def before() -> World:
    return look(_MARK)


@pytest.fixture
def orphan(before: World, tmp_path: Path) -> Iterator[int]:
    """A process without a parent in a network namespace without a name, as a lost pod would be."""
    note = tmp_path / _MARK
    script = f"echo $$ > {note}; exec sleep 60"
    subprocess.run(["setsid", "--fork", "unshare", "--net", "sh", "-c", script], check=True, cwd=tmp_path)
    pid = int(wait_until(lambda: note.exists() and note.read_text(), 10, "the orphan says its pid"))
    yield pid
    os.kill(pid, signal.SIGKILL)


def test_a_network_namespace_without_a_name_is_seen(before: World, orphan: int) -> None:
    own = Path(f"/proc/{orphan}/ns/net").readlink()
    assert [line for line in look(_MARK).left_since(before) if line.startswith(f"namespace: {own}")]


def test_a_process_is_seen_by_the_folder_that_it_works_in(before: World, tmp_path: Path, orphan: int) -> None:
    left = look(tmp_path.name).left_since(before)
    assert [line for line in left if line.startswith(f"process: {orphan} sleep")]


def test_a_mount_is_seen(before: World, tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(tmp_path)], check=True)
    try:
        left = look(_MARK).left_since(before)
        assert any(line.startswith(f"mount: {tmp_path} tmpfs") for line in left)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_link_and_a_route_are_seen(before: World) -> None:
    # A route to nowhere for one address that nobody has: it takes no traffic of the machine.
    route = ["blackhole", "198.18.255.253/32"]
    subprocess.run(["ip", "link", "add", "plmtest0", "type", "bridge"], check=True)
    subprocess.run(["ip", "route", "add", *route], check=True)
    try:
        left = look(_MARK).left_since(before)
        assert any(line.startswith("link: plmtest0") for line in left)
        assert any(line.startswith("route: blackhole 198.18.255.253") for line in left)
    finally:
        subprocess.run(["ip", "route", "delete", *route], check=True)
        subprocess.run(["ip", "link", "delete", "plmtest0"], check=True)


def test_a_packet_filter_table_and_a_control_group_are_seen(before: World) -> None:
    group = next(path.parent for path in Path("/sys/fs/cgroup").glob("**/cgroup.procs")) / _MARK
    subprocess.run(["nft", "add", "table", "ip", "plimsoll-test"], check=True)
    group.mkdir()
    try:
        left = look(_MARK).left_since(before)
        assert any(line.startswith("nft: table ip plimsoll-test") for line in left)
        assert f"cgroup: {group}" in left
    finally:
        group.rmdir()
        subprocess.run(["nft", "delete", "table", "ip", "plimsoll-test"], check=True)


def test_a_file_in_the_systems_folders_is_seen(before: World) -> None:
    stray = Path("/var/log/pods") / _MARK
    created = not stray.parent.exists()
    stray.mkdir(parents=True)
    try:
        assert f"file: {stray}" in look(_MARK).left_since(before)
    finally:
        stray.rmdir()
        if created:
            stray.parent.rmdir()
