"""What all verbs have in common: help that teaches, quiet ends, completion, and kubectl's plugin."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from plimsoll.cli.completing import complete_for_kubectl
from plimsoll.cli.main import app
from tests.support.command import Command
from tests.support.fake_cluster import FakeCluster
from tests.support.model_configs import SAMPLES, base, model_config

VERBS = [verb for verb in get_command(app).commands if verb not in ("operator", "fetch")]  # type: ignore[attr-defined]
PROGRAMS = Path(sys.executable).parent
SLOW = "import sys; from plimsoll.cli import main; sys.argv = ['plimsoll', 'check', '-']; main.run()"


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_every_verb_has_an_example(plimsoll: Command, verb: str) -> None:
    answered = plimsoll(verb, "--help")
    assert answered.code == 0
    assert re.search(rf"^  .*plimsoll {verb}\b", answered.output, re.MULTILINE)


@pytest.mark.parametrize("verb", VERBS)
def test_the_first_sentence_of_every_verb_fits_into_the_list(plimsoll: Command, verb: str) -> None:
    (line,) = [line for line in plimsoll("--help").output.splitlines() if line.startswith(f"  {verb} ")]
    assert not line.endswith("...")


def test_an_option_that_is_not_there_is_a_mistake_of_the_caller(plimsoll: Command) -> None:
    answered = plimsoll("get", "--colour")
    assert answered.code == 2
    assert "No such option: --colour" in answered.errors


@pytest.mark.parametrize("verb", ["get", "export"])
def test_where_to_look_may_be_said_before_the_verb_and_what_is_said_after_it_wins(
    plimsoll: Command, cluster: FakeCluster, verb: str
) -> None:
    cluster(model_config(base("hosted"), "a", "team-a"), model_config(base("hosted"), "b", "team-b"))
    before = plimsoll("-n", "team-a", verb, "-o", "yaml").output
    assert "team-a" in before
    assert "team-b" not in before
    after = plimsoll("-n", "team-a", verb, "-n", "team-b", "-o", "yaml").output
    assert "team-b" in after
    assert "team-a" not in after


def test_a_kubeconfig_before_the_verb_is_the_one_that_is_read(plimsoll: Command, tmp_path: Path) -> None:
    answered = plimsoll("--kubeconfig", tmp_path / "nowhere", "get")
    assert answered.code == 6
    assert "there is no file" in answered.errors


def test_a_verb_that_asks_no_cluster_does_not_mind(plimsoll: Command) -> None:
    assert plimsoll("-n", "team-a", "check", SAMPLES / "quickstart").code == 0


def test_the_operator_is_never_left_to_serve_every_namespace_because_one_was_said_too_early(plimsoll: Command) -> None:
    answered = plimsoll("-n", "team-a", "operator", "--config", "operator.yaml")
    assert answered.code == 2
    assert "say it after `operator`" in answered.errors


def test_control_c_ends_quietly_with_130() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", f"print('up', flush=True); {SLOW}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert process.stdin is not None
        # It reads this only when it is up and waits for the rest.
        _fill(process.stdin.fileno())
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert (process.returncode, errors) == (130, "")


def _fill(descriptor: int) -> None:
    """More than a pipe holds, so that it is written only once somebody reads."""
    left = b"# nothing\n" * 20_000
    while left:
        left = left[os.write(descriptor, left) :]


def test_a_reader_that_went_away_is_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    code = "import sys; from plimsoll.cli import main; sys.argv = ['plimsoll', 'crds']; main.run()"
    answer = subprocess.run([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert "Traceback" not in answer.stderr


def test_a_terminal_that_cannot_show_a_letter_gets_numbers_instead_of_a_traceback(tmp_path: Path) -> None:
    file = tmp_path / "한국어.yaml"
    file.write_text((SAMPLES / "quickstart" / "model.yaml").read_text())
    answer = subprocess.run(
        [PROGRAMS / "plimsoll", "check", file],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
    )
    assert answer.returncode == 0
    assert rb"\ud55c\uad6d\uc5b4.yaml: assistant is accepted" in answer.stdout


def test_the_plugin_of_kubectl_calls_itself_as_it_is_called(plimsoll: Command) -> None:
    assert plimsoll("get", "--help", program="/usr/bin/kubectl-plimsoll").output.startswith(
        "Usage: kubectl plimsoll get "
    )


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["sta"], "status\tShow a model from its spec down to its...\n:4\n"),
        (["wait", "--for", ""], "ready\navailable\n:4\n"),
        (["check", ""], ":0\n"),
    ],
    ids=["verb", "choice", "files"],
)
def test_kubectl_completes_what_shells_complete(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: list[str], offered: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["kubectl_complete-plimsoll", *typed])
    for name in ("_PLIMSOLL_COMPLETE", "_TYPER_COMPLETE_FISH_ACTION", "_TYPER_COMPLETE_ARGS"):
        # What the program sets for itself is gone after the test.
        monkeypatch.setenv(name, "")
    complete_for_kubectl()
    assert capsys.readouterr().out == offered


@pytest.mark.parametrize("program", ["plimsoll", "kubectl-plimsoll", "kubectl_complete-plimsoll"])
def test_every_program_is_installed(program: str) -> None:
    assert os.access(PROGRAMS / program, os.X_OK)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_its_script(plimsoll: Command, shell: str) -> None:
    assert f"_PLIMSOLL_COMPLETE=complete_{shell}" in plimsoll("completion", shell).output


def test_bash_completes_a_verb() -> None:
    script = (
        "source <(plimsoll completion bash); COMP_WORDS=(plimsoll sta); COMP_CWORD=1; _plimsoll_completion plimsoll"
    )
    path = f"{PROGRAMS}:{os.environ['PATH']}"
    answer = subprocess.run(
        ["bash", "-c", f"{script}; echo ${{COMPREPLY[@]}}"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": path},
    )
    assert answer.stdout == "status\n"
