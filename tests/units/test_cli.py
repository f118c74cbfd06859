"""The command `plimsoll` as a user meets it."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

import pytest
from typer.testing import CliRunner

from plimsoll.cli import main
from plimsoll.errors import UserError


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


def test_version_is_the_one_that_is_installed() -> None:
    answer = CliRunner().invoke(main.app, ["--version"])
    assert (answer.exit_code, answer.output) == (0, f"plimsoll {version('plimsoll')}\n")


def test_without_a_verb_the_help_is_shown() -> None:
    assert "--version" in CliRunner().invoke(main.app, []).output


def test_an_unknown_verb_is_refused_by_name() -> None:
    answer = CliRunner().invoke(main.app, ["sail"])
    assert answer.exit_code == 2
    assert "No such command 'sail'" in answer.output


def test_the_package_can_be_run_as_a_module() -> None:
    answer = python("-m", "plimsoll", "--version")
    assert (answer.returncode, answer.stdout) == (0, f"plimsoll {version('plimsoll')}\n")


def test_help_imports_nothing_that_takes_long() -> None:
    code = "import sys; from plimsoll.cli.main import app; app(['--help'], standalone_mode=False); print(*sys.modules)"
    answer = python("-c", code)
    assert answer.returncode == 0
    slow = {"rich", "asyncio", "pydantic", "kubernetes", "aiohttp", "kopf", "yaml", "plimsoll.api", "plimsoll.cluster"}
    assert slow.isdisjoint(answer.stdout.splitlines()[-1].split())


def test_a_copy_that_was_never_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(main, "version", nowhere)
    with pytest.raises(UserError) as raised:
        main.installed_version()
    assert "make setup" in raised.value.fix


def test_what_a_user_did_wrong_is_told_in_two_lines_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_options: object) -> None:
        raise UserError("the hold is full", fix="unload something")

    monkeypatch.setattr(main, "app", refuse)
    with pytest.raises(SystemExit) as left:
        main.run()
    assert left.value.code == 1
    assert capsys.readouterr().err == "plimsoll: the hold is full\nWhat to do: unload something\n"


def test_a_verb_whose_extra_is_not_installed_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def need(**_options: object) -> None:
        raise ModuleNotFoundError("No module named 'rich'", name="rich")

    monkeypatch.setattr(main, "app", need)
    with pytest.raises(SystemExit):
        main.run()
    assert "this verb needs rich" in capsys.readouterr().err
