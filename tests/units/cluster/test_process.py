"""Processes that outlive their starter: recorded, told apart from strangers, ended by pid and nothing else."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.waiting import wait_until
from tools.cluster import process
from tools.cluster.errors import ClusterError, ComponentFailed
from tools.cluster.process import Order, Process, ProcessTable, birth_of


@pytest.fixture
def table(tmp_path: Path) -> Iterator[ProcessTable]:
    for folder in ("records", "logs"):
        (tmp_path / folder).mkdir()
    made = ProcessTable(tmp_path / "records", tmp_path / "logs")
    yield made
    for each in made.all():
        each.signal(signal.SIGKILL)


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that this tool did not start."""
    with subprocess.Popen(["sleep", "60"]) as running:
        yield running
        running.kill()


def shell(component: str, script: str) -> Order:
    return Order(component, ["/bin/sh", "-c", script])


def log_of(table: ProcessTable, component: str) -> str:
    return table.tail(component, 1000)


def test_a_process_is_started_seen_alive_and_stopped(table: ProcessTable) -> None:
    started = table.start(shell("etcd", "echo hello; exec sleep 60"))
    assert started.alive()
    assert table.alive("etcd")
    assert table.get("etcd") == started
    assert table.all() == [started]
    wait_until(lambda: started.resident_bytes() > 0, 10, "it takes memory")
    wait_until(lambda: log_of(table, "etcd") == "hello", 10, "it writes to its log")
    table.stop(started, patience=10)
    assert not started.alive()
    assert started.resident_bytes() == 0
    assert table.get("etcd") is None
    assert not table.alive("etcd")


def test_a_process_gets_only_the_environment_it_was_given(table: ProcessTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "1")
    table.start(Order("etcd", ["/usr/bin/env"], env={"GIVEN": "2"}))
    wait_until(lambda: "GIVEN=2" in log_of(table, "etcd"), 10, "it prints its environment")
    assert "SECRET" not in log_of(table, "etcd")


def test_a_process_is_not_in_the_session_of_its_starter(table: ProcessTable) -> None:
    started = table.start(shell("etcd", "exec sleep 60"))
    wait_until(lambda: os.getsid(started.pid) == started.pid, 10, "no terminal's interrupt reaches it")


def test_the_record_is_on_disk_before_the_program_runs(table: ProcessTable, tmp_path: Path) -> None:
    (tmp_path / "records").rmdir()
    # Reading a pipe to its end waits for everyone who could still write to it.
    os.mkfifo(tmp_path / "logs" / "etcd.log")
    log = os.open(tmp_path / "logs" / "etcd.log", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(ComponentFailed, match=r"etcd: could not be started.*etcd\.log"):
        table.start(shell("etcd", "echo it runs"))
    os.set_blocking(log, True)
    with open(log) as content:
        assert content.read() == ""


def test_a_program_that_cannot_be_executed_has_a_record_and_says_why_in_its_log(table: ProcessTable) -> None:
    started = table.start(Order("etcd", ["/nowhere/etcd"]))
    wait_until(lambda: not started.alive(), 10, "it has ended")
    assert table.get("etcd") == started
    assert "cannot start /nowhere/etcd: [Errno 2]" in log_of(table, "etcd")
    table.stop(started, patience=0)
    assert table.get("etcd") is None


def test_a_later_owner_of_the_pid_is_never_signalled(
    table: ProcessTable, tmp_path: Path, stranger: subprocess.Popen[bytes]
) -> None:
    forged = {"component": "etcd", "pid": stranger.pid, "born": "1"}
    (tmp_path / "records" / "etcd.json").write_text(json.dumps(forged))
    recorded = table.get("etcd")
    assert recorded is not None
    assert not recorded.alive()
    recorded.signal(signal.SIGKILL)
    table.stop(recorded, patience=0)
    # Had anything been sent before, the process would have ended of that.
    stranger.send_signal(signal.SIGINT)
    assert stranger.wait(10) == -signal.SIGINT
    assert table.get("etcd") is None


def test_without_handles_for_processes_a_stranger_is_left_alone_too(
    stranger: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    Process("etcd", stranger.pid, "1").signal(signal.SIGKILL)
    Process("etcd", stranger.pid, birth_of(stranger.pid)).signal(signal.SIGINT)
    assert stranger.wait(10) == -signal.SIGINT


def test_a_record_without_a_birth_is_nobody() -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    assert not Process("etcd", ended.pid, "").alive()


def test_an_ended_process_that_nobody_collected_counts_as_dead() -> None:
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert Path(f"/proc/{ended.pid}").exists()
    assert birth_of(ended.pid) == ""
    ended.wait()


def test_a_signal_to_a_process_that_is_gone_is_no_error() -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    Process("etcd", ended.pid, "1").signal(signal.SIGTERM)


def test_a_process_is_asked_before_it_is_made_to_end(table: ProcessTable) -> None:
    started = table.start(shell("etcd", "trap 'echo bye; exit' TERM; echo ready; while :; do sleep 0.02; done"))
    wait_until(lambda: "ready" in log_of(table, "etcd"), 10, "it listens to signals")
    table.stop(started, patience=10)
    assert log_of(table, "etcd") == "ready\nbye"


def test_a_process_that_does_not_listen_is_made_to_end(table: ProcessTable) -> None:
    started = table.start(shell("etcd", "trap '' TERM; echo ready; exec sleep 60"))
    wait_until(lambda: "ready" in log_of(table, "etcd"), 10, "it ignores signals")
    table.stop(started, patience=0.05)
    assert not started.alive()
    assert table.get("etcd") is None


def test_a_process_that_cannot_be_ended_is_named_and_stays_recorded(
    table: ProcessTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = table.start(shell("etcd", "exec sleep 60"))
    with monkeypatch.context() as patched:
        patched.setattr(process, "wait_until", lambda *_: False)
        patched.setattr(Process, "signal", lambda *_: None)
        with pytest.raises(ClusterError, match=rf"etcd \(pid {started.pid}\) does not end"):
            table.stop(started, patience=0)
    assert table.get("etcd") == started
    table.stop(started, patience=10)


def test_only_the_end_of_a_log_is_shown(table: ProcessTable) -> None:
    assert table.tail("etcd", 2) == ""
    table.log("etcd").write_bytes(b"one\ntwo\n\xff\n")
    assert table.tail("etcd", 2) == "two\n\ufffd"


def test_waiting_ends_with_the_condition_or_with_patience() -> None:
    assert process.wait_until(lambda: True, patience=0)
    assert not process.wait_until(lambda: False, patience=0)
