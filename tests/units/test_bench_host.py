"""The host: what figures are known by."""

import os
from pathlib import Path

import pytest

from bench.frame.host import Host, Source, read_host, use_cores


def test_a_host_is_read_from_the_files_of_the_kernel(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel\t\t: 1\nmodel name\t: Fast: one\n\nmodel name\t: Other\n")
    (tmp_path / "meminfo").write_text("MemTotal:       25165824 kB\nMemFree: 1 kB\n")
    host = read_host(tmp_path)
    assert host.processor == "Fast: one"
    assert host.memory_bytes == 24 * 2**30
    assert host.cores_used == len(os.sched_getaffinity(0))


def test_a_processor_without_a_name_is_told_by_its_kind(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\n")
    (tmp_path / "meminfo").write_text("MemTotal: 1024 kB\n")
    assert read_host(tmp_path).processor == os.uname().machine


def test_a_host_says_when_only_some_of_its_cores_were_used() -> None:
    assert str(Host("P", 16, 2, 128 * 2**30, "6.1")) == "P, 2 of 16 cores, 128 GiB, Linux 6.1"
    assert str(Host("P", 2, 2, 24 * 2**30, "6.1")) == "P, 2 cores, 24 GiB, Linux 6.1"


def test_a_source_says_when_the_tree_is_not_the_commit() -> None:
    assert str(Source("0123456789abcdef", dirty=True)) == "commit 0123456789ab with uncommitted changes"
    assert str(Source("0123456789abcdef", dirty=False)) == "commit 0123456789ab"


def test_a_bench_keeps_to_the_cores_that_its_bar_speaks_of(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[list[int]] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {4, 2, 7})
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, cores: used.append(cores))
    use_cores(2)
    assert used == [[2, 4]]
