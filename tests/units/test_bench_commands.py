"""Commands and progress: what is run as a process of its own, and what is said meanwhile."""

import io
import threading
from pathlib import Path

import pytest

from bench.cluster.cold import commands_in
from bench.frame.commands import Commands
from bench.frame.errors import CommandError
from bench.frame.progress import Steps
from tests.support.waiting import wait_until


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path, tmp_path / "log")


def test_a_command_runs_in_its_folder_and_all_it_says_is_in_the_log(commands: Commands) -> None:
    assert commands.seconds("sh", "-c", "pwd; echo complaint >&2", limit=10) > 0
    assert commands.log.read_text().splitlines()[-2:] == [str(commands.folder), "complaint"]


def test_a_failed_command_is_told_with_its_own_last_lines_only(commands: Commands) -> None:
    commands.run("echo", "something earlier", limit=10)
    with pytest.raises(CommandError) as failure:
        commands.run("sh", "-c", "seq 100; exit 3", limit=10)
    told = str(failure.value)
    assert "ended with code 3" in told
    assert told.splitlines()[-1].strip() == "100"
    assert "something earlier" not in told
    assert "\n    85\n" not in told


def test_a_command_that_takes_too_long_is_ended_with_everything_it_started(commands: Commands) -> None:
    with pytest.raises(CommandError, match="had not ended"):
        commands.run("sh", "-c", "sleep 1000 & echo $!; wait", limit=0.5)
    child = int(commands.log.read_text().splitlines()[-1])
    wait_until(lambda: has_ended(child), seconds=10, message=f"process {child} ends with its parent")


def test_an_answer_is_what_was_printed_and_a_failure_says_why(commands: Commands) -> None:
    assert commands.answer("echo", "yes") == "yes\n"
    with pytest.raises(CommandError, match="ended with code 1: no"):
        commands.answer("sh", "-c", "echo no >&2; exit 1")


def test_variables_of_an_outer_make_do_not_reach_a_command(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKEFLAGS", "--just-print")
    monkeypatch.setenv("MAKELEVEL", "1")
    assert "MAKE" not in commands.answer("env")


def test_a_cold_start_finds_no_cache_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME", "UV_CACHE_DIR", "PIP_CACHE_DIR"):
        monkeypatch.setenv(name, "/the/user's/own")
    (tmp_path / "clone").mkdir()
    assert "the/user's/own" not in commands_in(tmp_path, tmp_path / "log").answer("env")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_step_is_told_with_its_end_and_its_seconds() -> None:
    clock, stream = Clock(), io.StringIO()
    steps = Steps(stream, clock)
    with steps.step("start, ours, 1 of 5"):
        clock.now = 12.3
    with pytest.raises(OSError, match="full"), steps.step("start, ours, 2 of 5"):
        raise OSError("full")
    lines = stream.getvalue().splitlines()
    assert lines[-2].endswith("start, ours, 1 of 5: done (12.3 s)")
    assert lines[-1].endswith("start, ours, 2 of 5: failed (0.0 s)")


def test_a_long_step_is_told_while_it_runs() -> None:
    told = threading.Event()

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            if "start, 7 s" in text:
                told.set()
            return super().write(text)

    clock = Clock()
    with Steps(Stream(), clock).step("start"):
        clock.now = 7.0
        assert told.wait(10)


def has_ended(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"
