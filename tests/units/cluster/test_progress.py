"""What a build shows while it runs: one line that is redrawn on a terminal, few plain lines elsewhere."""

import io

import pytest

from tools.cluster.progress import Progress, Silent

REDRAW = "\r\x1b[2K"


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_plain_lines_carry_the_time_since_the_beginning(clock: Clock) -> None:
    out = io.StringIO()
    progress = Progress(out, clock)
    progress.say("begun")
    clock.passes(83.25)
    progress.say("done")
    assert out.getvalue() == " 0:00.0 begun\n 1:23.2 done\n"


def test_without_a_terminal_a_long_step_speaks_now_and_then(clock: Clock) -> None:
    out = io.StringIO()
    progress = Progress(out, clock)
    for second in range(32):
        progress.update(f"at {second}")
        clock.passes(1)
    assert [line.split(maxsplit=1)[1] for line in out.getvalue().splitlines()] == ["at 0", "at 10", "at 20", "at 30"]


def test_every_step_without_a_terminal_may_speak_at_once(clock: Clock) -> None:
    out = io.StringIO()
    progress = Progress(out, clock)
    for name in ("one", "two"):
        with progress.step(name):
            progress.update(f"inside {name}")
            clock.passes(2.5)
    assert [line.split(maxsplit=1)[1] for line in out.getvalue().splitlines()] == [
        "inside one",
        "one (2.5 s)",
        "inside two",
        "two (2.5 s)",
    ]


def test_a_terminal_has_one_line_that_is_redrawn(clock: Clock) -> None:
    out = Terminal()
    progress = Progress(out, clock)
    with progress.step("etcd"):
        clock.passes(1)
        progress.update("still")
        clock.passes(1)
    assert out.getvalue() == f"{REDRAW} 0:00.0 etcd …{REDRAW} 0:01.0 still{REDRAW} 0:02.0 etcd (2.0 s)\n"


def test_a_terminal_is_not_flooded(clock: Clock) -> None:
    out = Terminal()
    progress = Progress(out, clock)
    for count in range(25):
        progress.update(str(count))
        clock.passes(1 / 64)
    assert out.getvalue().count(REDRAW) == 4


def test_a_live_line_fits_into_the_terminal(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    out = Terminal()
    Progress(out, clock).update("x" * 200)
    assert len(out.getvalue().removeprefix(REDRAW)) == 39


def test_a_step_that_fails_leaves_a_clean_line_and_is_not_called_done(clock: Clock) -> None:
    out = Terminal()
    progress = Progress(out, clock)
    with pytest.raises(OSError, match="disk"), progress.step("etcd"):
        raise OSError("disk")
    assert out.getvalue().endswith(REDRAW)
    assert "etcd (" not in out.getvalue()


def test_silence_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Silent()
    with progress.step("etcd"):
        progress.update("still")
    progress.say("done")
    assert capsys.readouterr() == ("", "")


def test_a_stream_that_somebody_closed_is_spoken_to_no_more() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    stream.close()
    progress.say("down")
