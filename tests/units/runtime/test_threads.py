"""Threads follow the CPU quota of the process."""

from __future__ import annotations

from pathlib import Path

import pytest

from plimsoll.runtime.threads import available_threads, cpu_quota, thread_count


@pytest.mark.parametrize(
    ("affinity", "quota", "threads"),
    [(16, None, 16), (16, 0.2, 1), (16, 1.0, 1), (16, 1.5, 2), (16, 2.4, 2), (16, 7.65, 7), (2, 8.0, 2), (1, None, 1)],
)
def test_there_are_as_many_threads_as_the_quota_feeds(affinity: int, quota: float | None, threads: int) -> None:
    assert thread_count(affinity, quota) == threads


def _write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def test_the_smallest_quota_of_all_groups_above_counts(tmp_path: Path) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    _write(proc, cgroup="0::/kubepods/pod1/engine\n")
    for folder, text in {"": "max 100000", "kubepods": "800000 100000", "kubepods/pod1/engine": "max 100000"}.items():
        (groups / folder).mkdir(parents=True, exist_ok=True)
        (groups / folder / "cpu.max").write_text(text)
    (groups / "kubepods/pod1/cpu.max").write_text("150000 100000")
    assert cpu_quota(proc, groups) == 1.5


def test_in_a_container_the_mounted_root_is_its_own_group(tmp_path: Path) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    _write(proc, cgroup="0::/../../somewhere\n")
    groups.mkdir()
    (groups / "cpu.max").write_text("50000 100000\n")
    assert cpu_quota(proc, groups) == 0.5


def test_the_first_version_of_control_groups_is_read_too(tmp_path: Path) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    _write(proc, cgroup="5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n")
    folder = groups / "cpu"
    folder.mkdir(parents=True)
    (folder / "cpu.cfs_quota_us").write_text("200000\n")
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    assert cpu_quota(proc, groups) == 2.0


@pytest.mark.parametrize("text", ["max 100000\n", None])
def test_without_a_quota_every_allowed_cpu_counts(tmp_path: Path, text: str | None) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    _write(proc, cgroup="0::/\n")
    groups.mkdir()
    if text is not None:
        (groups / "cpu.max").write_text(text)
    assert cpu_quota(proc, groups) is None
    assert available_threads(proc, groups) >= 1
