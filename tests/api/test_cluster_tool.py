"""A cluster that cannot start says which component, why and where its log is; the next `up` repairs it."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.support.instances import kill, running
from tests.support.waiting import wait_until
from tools.cluster import open_cluster, recipe
from tools.cluster.cache import cache_root
from tools.cluster.cluster import ProcessCluster
from tools.cluster.errors import ClusterError, ComponentFailed

COMPONENTS = ("etcd", "kube-apiserver")


@pytest.fixture(scope="module")
def victim() -> Iterator[ProcessCluster]:
    with running("test-tool", shape="api") as cluster:
        yield cluster


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_killed_component_is_named_by_status_and_repaired_by_up(victim: ProcessCluster, component: str) -> None:
    kill(victim, component)
    wait_until(lambda: not victim.status().healthy, 10, f"status notices that {component} is gone")
    assert any(problem.startswith(component) and ".log" in problem for problem in victim.status().problems)
    victim.up()
    assert victim.status().healthy


def test_up_on_a_running_cluster_starts_nothing(victim: ProcessCluster) -> None:
    before = [each.pid for each in victim.status().components]
    victim.up()
    assert [each.pid for each in victim.status().components] == before


def test_binaries_of_a_cluster_that_is_up_count_as_in_use(victim: ProcessCluster) -> None:
    manifest = cache_root() / recipe.key() / "manifest.json"
    os.utime(manifest, (0, 0))
    victim.up()
    assert manifest.stat().st_mtime > 0


def test_a_taken_port_is_told_with_the_component_that_wants_it(victim: ProcessCluster) -> None:
    port = victim.instance.port("etcd")
    kill(victim, "etcd")
    wait_until(lambda: not victim.status().healthy, 10, "etcd is gone")
    with closing(socket.socket()) as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Once it was still taken here, by whom is not known.
        wait_until(lambda: _bound(stranger, port), 10, f"port {port} is free")
        stranger.listen()
        with pytest.raises(ComponentFailed, match=rf"etcd: cannot listen on 127\.0\.0\.1:{port}.*log: .*etcd\.log"):
            victim.up()
    victim.up()
    assert victim.status().healthy


def _bound(stranger: socket.socket, port: int) -> bool:
    with suppress(OSError):
        stranger.bind(("127.0.0.1", port))
        return True
    return False


def test_the_logs_of_an_unknown_component_are_refused_with_the_known_ones(victim: ProcessCluster) -> None:
    with pytest.raises(ClusterError, match=r"'helm' has no log in test-tool; there are: .*etcd.*kube-apiserver"):
        victim.logs("helm")
    assert victim.logs("etcd", lines=1) is not None


def test_down_twice_is_fine_and_leaves_no_run_folder() -> None:
    with running("test-short", shape="api") as cluster:
        folder = cluster.run_folder
        cluster.down()
        cluster.down()
        assert not folder.exists()
        assert not cluster.status().components


def _link(source: str, target: str) -> None:
    """Hard links make a copy of a gigabyte free; another disk takes a real one."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@pytest.fixture
def copied_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of built binaries of a cache that this test may damage."""
    copy = tmp_path / "plimsoll" / "cluster" / recipe.key()
    shutil.copytree(cache_root() / recipe.key(), copy, copy_function=_link)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return copy / "bin"


def _damage(file: Path) -> None:
    """As a new file: writing into the old one would damage the real cache through the link."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.unlink()
    file.write_bytes(content)


def test_a_damaged_binary_is_never_started(copied_cache: Path) -> None:
    whole = (copied_cache / "etcd").read_bytes()
    _damage(copied_cache / "etcd")
    cluster = open_cluster("test-damage", shape="api")
    try:
        with pytest.raises(ClusterError, match=r"etcd: .*sha256.*run the same command again"):
            cluster.up()
        assert not any(each.running for each in cluster.status().components)
        assert not (copied_cache / "etcd").exists()
        # What a rebuild puts there, without the minutes it takes.
        (copied_cache / "etcd").write_bytes(whole)
        (copied_cache / "etcd").chmod(0o755)
        cluster.up()
        assert cluster.status().healthy
    finally:
        cluster.down()
