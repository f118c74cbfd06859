"""What a user reads when a step of a build fails."""

import errno
from pathlib import Path

import pytest

from tools.images import __main__ as program
from tools.images.commands import Commands, need
from tools.images.errors import DiskFullError, ImageError, StepError


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path / "build.log")


def test_a_failed_step_is_named_with_its_log_and_the_end_of_it(commands: Commands) -> None:
    with pytest.raises(StepError) as raised:
        commands.run("buildah build", "sh", "-c", "seq 100; echo no such wheel >&2; exit 3")
    message = str(raised.value)
    assert message.startswith(f"buildah build failed. The end of its log {commands.log}:")
    assert message.splitlines()[-2:] == ["100", "no such wheel"]
    assert "\n50\n" not in message
    assert "\n50\n" in commands.log.read_text()


def test_only_the_failed_step_is_shown_not_those_before_it(commands: Commands) -> None:
    commands.run("first", "echo", "fine")
    with pytest.raises(StepError) as raised:
        commands.run("second", "false")
    assert "fine" not in str(raised.value)


def test_a_full_disk_is_told_in_plain_words(commands: Commands) -> None:
    with pytest.raises(DiskFullError, match="XDG_CACHE_HOME to a folder on another disk"):
        commands.run("buildah build", "sh", "-c", "echo write /x: No space left on device >&2; exit 1")


def test_what_a_command_printed_is_read_without_its_complaints(commands: Commands) -> None:
    assert commands.read("uv export", "sh", "-c", "echo typer; echo careful >&2") == "typer\n"
    assert "careful" in commands.log.read_text()
    with pytest.raises(StepError, match="careful"):
        commands.read("uv export", "sh", "-c", "echo careful >&2; exit 1")


def test_a_missing_program_is_named_with_its_package() -> None:
    with pytest.raises(ImageError, match=r"not-a-program is not on this machine; .* apt-get install some-package"):
        need("not-a-program", "some-package")


def test_an_error_ends_the_command_with_its_message_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(program, "_build", build)
    assert program.main(["build"]) == 1
    assert capsys.readouterr().err.startswith("images: The disk is full")


def test_inspect_before_the_first_build_says_what_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "ROOT", tmp_path)
    assert program.main(["inspect"]) == 1
    assert "`make images` builds them" in capsys.readouterr().err
