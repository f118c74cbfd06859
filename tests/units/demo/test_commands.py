"""Commands are shown as they are typed, with what they say, and their trouble ends the demo with what shows more."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.waiting import wait_until
from tools.demo.commands import Commands
from tools.demo.errors import DemoFailed
from tools.demo.terminal import Terminal

SECRET = "plm_nobody-sees-this"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def printed() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def commands(tmp_path: Path, printed: io.StringIO) -> Iterator[Commands]:
    made = Commands(tmp_path, Terminal(printed), {"PATH": os.environ["PATH"], "MAKEFLAGS": "CLUSTER=other"})
    yield made
    made.end()


def test_a_command_is_shown_as_it_can_be_typed_and_what_it_says_below(commands: Commands, printed: io.StringIO) -> None:
    said = commands.run("sh", "-c", "echo one; echo two >&2; printf three")
    assert said == "one\ntwo\nthree"
    assert printed.getvalue() == "$ sh -c 'echo one; echo two >&2; printf three'\n  one\n  two\n  three\n"


def test_letters_that_come_in_two_pieces_are_put_together(commands: Commands) -> None:
    assert commands.run("sh", "-c", r"printf '\355\225'; sleep 0.1; printf '\234\n'") == "한\n"


def test_another_end_than_the_expected_one_ends_the_demo_with_its_last_words(commands: Commands) -> None:
    assert commands.run("sh", "-c", "exit 5", fine=(5,)) == ""
    with pytest.raises(DemoFailed) as failed:
        commands.run("sh", "-c", "echo no such key; exit 3", more="plimsoll key list")
    assert failed.value.sentence.endswith("ended with 3: no such key")
    assert failed.value.more == "plimsoll key list"


def test_what_make_says_about_itself_is_no_reason(commands: Commands) -> None:
    with pytest.raises(DemoFailed, match="ended with 2: images: the disk is full"):
        commands.run(
            "sh", "-c", "echo images: the disk is full; echo 'make: *** [Makefile:70: images] Error 1'; exit 2"
        )


def test_the_command_itself_shows_more_when_nothing_else_does(commands: Commands) -> None:
    with pytest.raises(DemoFailed) as failed:
        commands.run("false")
    assert failed.value.more == "false"


def test_what_was_said_to_the_make_above_is_not_said_to_those_below(commands: Commands) -> None:
    assert commands.run("sh", "-c", "echo $MAKEFLAGS") == "\n"


def test_a_secret_is_in_the_environment_and_is_never_shown(commands: Commands, printed: io.StringIO) -> None:
    commands.secret("sh", "-c", f"echo {SECRET[::-1]} | rev; echo it is shown once >&2", name="KEY")
    assert commands.answer("sh", "-c", "echo $KEY") == f"{SECRET}\n"
    assert SECRET not in printed.getvalue()
    assert "$ export KEY=$(sh" in printed.getvalue()
    assert "  it is shown once\n" in printed.getvalue()


def test_a_key_that_was_not_made_ends_the_demo(commands: Commands) -> None:
    with pytest.raises(DemoFailed, match="ended with 4"):
        commands.secret("sh", "-c", "exit 4", name="KEY")


def test_an_answer_that_does_not_come_is_told_with_its_reason(commands: Commands) -> None:
    with pytest.raises(DemoFailed, match="no cluster"):
        commands.answer("sh", "-c", "echo no cluster >&2; exit 1")


def test_what_runs_in_the_background_is_waited_for_by_its_words_and_ends_with_the_demo(
    commands: Commands, printed: io.StringIO
) -> None:
    process = commands.begin("sh", "-c", "echo starting; echo url=http://127.0.0.1:1/v1; exec sleep 600")
    assert commands.line_of(process, "url=", 30) == ("url=http://127.0.0.1:1/v1", "")
    assert "exec sleep 600' &\n" in printed.getvalue()
    commands.end()
    assert process.poll() == -signal.SIGTERM


def test_one_that_ends_without_the_words_shows_what_it_said(commands: Commands, printed: io.StringIO) -> None:
    process = commands.begin("sh", "-c", "echo no gateway is ready; echo What to do: wait; exit 6")
    assert commands.line_of(process, "url=", 30) == ("", "no gateway is ready")
    assert "  no gateway is ready\n  What to do: wait\n" in printed.getvalue()


def test_what_runs_in_the_background_goes_also_when_the_demo_is_killed(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = (
        "import pathlib, sys, time\n"
        "from tools.demo.commands import Commands\n"
        "from tools.demo.terminal import Terminal\n"
        "commands = Commands(pathlib.Path('.'), Terminal(), {'PATH': sys.argv[2]})\n"
        "process = commands.begin('sleep', '600')\n"
        "pathlib.Path(sys.argv[1]).write_text(f'{process.pid}\\n')\n"
        "time.sleep(600)\n"
    )
    demo = subprocess.Popen([sys.executable, "-c", script, str(note), os.environ["PATH"]], stdout=subprocess.DEVNULL)
    try:
        pid = int(
            wait_until(lambda: note.exists() and note.read_text().endswith("\n") and note.read_text(), 30, "a pid")
        )
    finally:
        demo.kill()
        demo.wait()

    def gone() -> bool:
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"

    wait_until(gone, 30, "the background process has ended")


def test_nobody_is_left_without_a_sign_for_ten_seconds() -> None:
    printed, clock = io.StringIO(), Clock()
    terminal = Terminal(printed, clock)
    terminal.line("begun")
    for half in range(50):
        clock.now = half / 2
        terminal.waiting("make goes on", clock.now)
    assert printed.getvalue() == "begun\n  … make goes on (8 s)\n  … make goes on (16 s)\n  … make goes on (24 s)\n"


def test_on_a_terminal_the_sign_stands_in_one_line_that_goes_away() -> None:
    screen, clock = Screen(), Clock()
    terminal = Terminal(screen, clock)
    for half in range(1, 4):
        clock.now = half / 2
        terminal.waiting("make goes on", clock.now)
    terminal.said("done")
    shown = screen.getvalue()
    assert shown.count("\n") == 1
    assert shown.endswith("\r\x1b[2K  done\n")
