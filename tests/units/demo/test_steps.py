"""The demo from outside: its steps, what it starts with, and how it ends early."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from plimsoll.api.validate import validate
from tests.support.model_configs import SAMPLES
from tools.demo import __main__ as demo_main
from tools.demo import closing, machine, steps
from tools.demo.answers import Used
from tools.demo.commands import Commands
from tools.demo.errors import DemoFailed
from tools.demo.terminal import Terminal

ROOT = Path(__file__).parents[3]
QUICKSTART = SAMPLES / "quickstart"


@pytest.fixture
def printed() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def demo(tmp_path: Path, printed: io.StringIO) -> steps.Demo:
    commands = Commands(tmp_path, Terminal(printed), {"PATH": os.environ["PATH"]})
    return steps.Demo(commands, "demo", QUICKSTART)


def test_it_starts_with_nothing_but_python() -> None:
    script = "import sys; import tools.demo.__main__; print([n for n in sys.modules if 'site-packages' in str("
    script += "getattr(sys.modules[n], '__file__', ''))])"
    alone = [sys.executable, "-S", "-c", script]
    assert subprocess.run(alone, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_step_has_its_number_and_its_time(
    demo: steps.Demo, printed: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "STEPS", (("One", lambda _: None), ("Two", lambda demo: demo.say("here"))))
    steps.go(demo)
    assert printed.getvalue() == "\n1/2 One\n  (0.0 s)\n\n2/2 Two\n  here\n  (0.0 s)\n"
    assert [title for title, _ in demo.times] == ["One", "Two"]


def test_a_machine_that_does_not_do_changes_nothing(demo: steps.Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    unfit = machine.Machine(linux=True, root=False, engine=None, disk=1 << 40, memory=1 << 40)
    monkeypatch.setattr(machine, "look", lambda _: unfit)
    with pytest.raises(DemoFailed, match="lacks root, or a container engine") as failed:
        steps.go(demo)
    assert failed.value.more == "make help"
    assert list(demo.root.iterdir()) == []


@pytest.mark.parametrize("verb", ["up", "down"])
def test_a_failure_is_a_sentence_with_a_command_and_no_traceback(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise DemoFailed("It is not there.", "kubectl get it")

    monkeypatch.setattr(steps, "go", fail)
    monkeypatch.setattr(demo_main, "down", fail)
    assert demo_main.main([verb]) == 1
    assert capsys.readouterr().out == "\ndemo: It is not there.\nThis shows more:  kubectl get it\n"


def test_an_interrupted_one_says_that_it_can_be_called_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(steps, "go", interrupt)
    assert demo_main.main(["up"]) == 130
    assert "the same command goes on" in capsys.readouterr().out


def test_the_persons_own_cluster_and_keys_are_not_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/somewhere/config")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-own")
    seen: list[dict[str, str]] = []
    monkeypatch.setattr(steps, "go", lambda demo: seen.append(demo.commands.environment))
    assert demo_main.main(["up"]) == 0
    assert not {"KUBECONFIG", "OPENAI_API_KEY"} & set(seen[0])
    assert seen[0]["PATH"]


def test_a_different_count_fails(demo: steps.Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    demo.printed = Used(2, 20, 30)
    demo.before = {"metrics": Used(5, 5, 5), "records": Used(6, 6, 6)}
    after = {"metrics": Used(7, 25, 35), "records": Used(8, 26, 36)}
    monkeypatch.setattr(steps, "counted", lambda _: after)
    steps.count(demo)
    after["records"] = Used(8, 26, 37)
    with pytest.raises(DemoFailed, match=r"The counts differ: .*records: 2 answers, 20 tokens of prompts, 31"):
        steps.count(demo)


def test_the_closing_table_has_every_step_and_the_command_that_cleans() -> None:
    lines = list(closing.table([("A model", 12.34), ("Three questions", 1.0)], "demo", "quickstart/assistant"))
    assert lines[:3] == ["A model            12.3 s", "Three questions     1.0 s", "together           13.3 s"]
    assert lines[-1] == "  make demo-down"
    assert sum("/metrics" in line for line in lines) == 3
    assert next(line for line in lines if line.startswith("  plimsoll chat")) == "  plimsoll chat quickstart/assistant"


@pytest.mark.parametrize(
    ("file", "changed"),
    [("with-a-prompt", {"prompt"}), ("with-a-bad-image", {"prompt", "engine"})],
)
def test_what_is_applied_over_the_quickstart_changes_what_it_says_and_nothing_else(
    file: str, changed: set[str]
) -> None:
    first = yaml.safe_load((QUICKSTART / "model.yaml").read_text())
    then = yaml.safe_load((ROOT / "examples" / f"{file}.yaml").read_text())
    assert validate(then) == []
    assert then["metadata"] == first["metadata"]
    assert {key for key in then["spec"] if then["spec"][key] != first["spec"].get(key)} == changed
    assert set(first["spec"]) <= set(then["spec"])
