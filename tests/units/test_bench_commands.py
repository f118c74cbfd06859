"""Commands and progress: what is run as a process of its own, and what is said meanwhile."""

import io
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bench.frame.clone import Clone
from bench.frame.commands import Commands, end_left_over, running_record
from bench.frame.errors import CommandError
from bench.frame.progress import Steps
from bench.frame.scratch import Scratch
from tests.support.waiting import wait_until

# A bench that is killed while its command, and what that has started, go on.
BENCH_THAT_WAITS = """
import sys
from pathlib import Path
from bench.frame.clone import Clone
from bench.frame.commands import Commands
folder = Path(sys.argv[1])
Commands(folder, folder / "log").run("sh", "-c", "sleep 1000 & echo sleeping $!; wait", limit=1000)
"""


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path, tmp_path / "log")


def test_a_command_runs_in_its_folder_and_all_it_says_is_in_the_log(commands: Commands) -> None:
    assert commands.seconds("sh", "-c", "pwd; echo complaint >&2", limit=10) > 0
    assert commands.log.read_text().splitlines()[-2:] == [str(commands.folder), "complaint"]


def test_a_failed_command_is_told_with_its_own_last_lines_only(commands: Commands) -> None:
    with pytest.raises(CommandError) as failure:
        commands.run("sh", "-c", "seq 100; exit 3", limit=10)
    told = str(failure.value)
    assert "ended with code 3" in told
    assert told.splitlines()[-1].strip() == "100"
    assert "\n    85\n" not in told
    with pytest.raises(CommandError) as short_failure:
        commands.run("false", limit=10)
    assert "100" not in str(short_failure.value)


def test_a_command_that_takes_too_long_is_ended_with_everything_it_started(commands: Commands) -> None:
    with pytest.raises(CommandError, match="had not ended"):
        commands.run("sh", "-c", "sleep 1000 & echo $!; wait", limit=0.5)
    child = int(commands.log.read_text().splitlines()[-1])
    wait_until(lambda: has_ended(child), seconds=10, message=f"process {child} ends with its parent")


def test_what_a_killed_bench_left_running_is_ended_by_the_next_one(commands: Commands) -> None:
    bench = subprocess.Popen([sys.executable, "-c", BENCH_THAT_WAITS, str(commands.folder)])
    wait_until(lambda: "sleeping" in read(commands.log), seconds=20, message="the command runs")
    bench.kill()
    bench.wait()
    child = int(commands.log.read_text().split()[-1])
    assert not has_ended(child)
    end_left_over(commands.log)
    assert has_ended(child)
    assert not running_record(commands.log).exists()


def test_a_record_whose_process_has_ended_touches_nobody_who_has_its_pid_now(commands: Commands) -> None:
    stranger = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    record = {"component": "make", "pid": stranger.pid, "born": "1"}
    running_record(commands.log).write_text(json.dumps(record))
    end_left_over(commands.log)
    assert not has_ended(stranger.pid)
    stranger.kill()
    stranger.wait()


def test_nothing_is_recorded_as_running_once_a_command_has_ended(commands: Commands) -> None:
    commands.run("true", limit=10)
    assert not running_record(commands.log).exists()


def test_an_answer_is_what_was_printed_and_a_failure_says_why(commands: Commands) -> None:
    assert commands.answer("echo", "yes") == "yes\n"
    with pytest.raises(CommandError, match="ended with code 1: no"):
        commands.answer("sh", "-c", "echo no >&2; exit 1")


def test_variables_of_an_outer_make_do_not_reach_a_command(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKEFLAGS", "--just-print")
    monkeypatch.setenv("MAKELEVEL", "1")
    assert "MAKE" not in commands.answer("env")


def test_a_cold_start_finds_no_cache_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME", "UV_CACHE_DIR", "PIP_CACHE_DIR", "TMPDIR"):
        monkeypatch.setenv(name, "/the/user's/own")
    scratch = Scratch(tmp_path / "pointer")
    scratch.pointer.write_text(str(tmp_path))
    (tmp_path / "cold").mkdir()
    assert "the/user's/own" not in Clone(
        tmp_path, scratch, "cold", tmp_path / "log", own_caches=True
    ).commands().answer("env")


def test_a_scratch_folder_is_found_and_removed_by_the_next_run(tmp_path: Path) -> None:
    pointer = tmp_path / "pointer"
    Scratch(pointer).remove()
    assert not pointer.exists()
    folder = Scratch(pointer).folder
    assert folder.is_dir()
    assert Scratch(pointer).folder == folder
    Scratch(pointer).remove()
    assert not folder.exists()
    assert not pointer.exists()


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


def read(file: Path) -> str:
    """Without the line of the command itself."""
    return file.read_text().partition("\n")[2] if file.exists() else ""


def has_ended(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"
