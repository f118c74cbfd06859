"""`plimsoll engine`: the words of the contract become settings, and failures become its ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
import yaml
from typer.testing import CliRunner, Result

from plimsoll import logs
from plimsoll.api import termination
from plimsoll.api.reasons import Reason
from plimsoll.cli import engine, main
from plimsoll.errors import UserError
from plimsoll.runtime import serving
from plimsoll.runtime.endings import BadOption, CannotServe
from plimsoll.runtime.settings import Mode, Settings

GOLDEN = Path(__file__).resolve().parents[2] / "golden"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Settings]:
    """What would be served; nothing of this process is changed."""
    seen: list[Settings] = []

    def leave(code: int) -> NoReturn:
        raise SystemExit(code)

    monkeypatch.setattr(engine, "_leave", leave)
    monkeypatch.setattr(engine, "_prepare", lambda: None)
    monkeypatch.setattr(logs, "set_up_server", lambda: None)
    monkeypatch.setattr(serving, "serve", seen.append)
    monkeypatch.setattr(termination, "PATH", str(tmp_path / "last-words"))
    (tmp_path / "last-words").touch()
    return seen


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main.app, ["engine", *arguments])


def launched() -> list[list[str]]:
    """The command lines of every llamacpp engine that the operator is known to start."""
    documents = [each for path in sorted(GOLDEN.rglob("*.yaml")) for each in yaml.safe_load_all(path.read_text())]
    pods = [each["spec"]["template"]["spec"] for each in documents if each and each.get("kind") == "Deployment"]
    lines = [container.get("args", []) for pod in pods for container in pod["containers"]]
    return [line[1:] for line in lines if line and line[0] == "engine"]


def test_whatever_the_operator_says_is_understood(served: list[Settings]) -> None:
    lines = launched()
    assert lines
    for line in lines:
        assert run(*line).exit_code == 0, line
    assert len(served) == len(lines)


def test_every_word_has_its_setting(served: list[Settings]) -> None:
    run(
        "--model=/models/a.gguf", "--alias=boat", "--mode=embed", "--chat-template={{ x }}", "--host=::1", "--port=1",
        "--no-strict", "--context=64", "--parallel=2", "--waiting=0", "--batch-size=64", "--micro-batch-size=128",
        "--queue-seconds=5", "--threads=3", "--gpu-layers=4", "--kv-cache-type=q8_0", "--map-weights",
        "--drain-seconds=7",
    )  # fmt: skip
    assert served == [
        Settings(
            Path("/models/a.gguf"), "boat", port=1, host="::1", mode=Mode.EMBED, context=64, parallel=2, threads=3,
            gpu_layers=4, kv_cache_type="q8_0", batch_size=64, micro_batch_size=64, map_weights=True,
            chat_template="{{ x }}", strict=False, waiting=0, queue_seconds=5.0, drain_seconds=7.0,
        )
    ]  # fmt: skip


def test_a_model_without_a_name_has_that_of_its_file(served: list[Settings]) -> None:
    run("--model=/models/boat.Q8_0.gguf", "--no-flash-attention")
    assert (served[0].alias, served[0].flash_attention) == ("boat.Q8_0", False)
    assert served[0].threads >= 1


def test_a_quantised_cache_without_flash_attention_is_refused(served: list[Settings]) -> None:
    error = run("--model=a.gguf", "--kv-cache-type=q4_0", "--no-flash-attention").exception
    assert isinstance(error, UserError)
    assert "needs flash attention" in error.message
    assert not served


def ends_with(monkeypatch: pytest.MonkeyPatch, error: Exception) -> int:
    def fail(_settings: Settings) -> NoReturn:
        raise error

    monkeypatch.setattr(serving, "serve", fail)
    return run("--model=a.gguf").exit_code


@pytest.mark.usefixtures("served")
def test_a_reason_of_the_contract_is_left_as_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    code = ends_with(monkeypatch, CannotServe(Reason.DOES_NOT_FIT, "weights 4 GiB > limit 2 GiB"))
    words = json.loads(Path(termination.PATH).read_text())
    assert (code, words["reason"]) == (30, "DoesNotFit")
    assert words["message"] == "weights 4 GiB > limit 2 GiB"


@pytest.mark.usefixtures("served")
def test_an_option_that_cannot_be_used_ends_like_a_wrong_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ends_with(monkeypatch, BadOption("--chat-template cannot be used", fix="Correct it.")) == 2


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("error", [RuntimeError("something else"), UserError("no such port", fix="another")])
def test_anything_else_ends_with_one_and_leaves_no_words(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    assert ends_with(monkeypatch, error) == 1
    assert not Path(termination.PATH).read_text()


def test_a_place_for_last_words_is_never_made(
    served: list[Settings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(termination, "PATH", str(tmp_path / "none"))
    assert ends_with(monkeypatch, CannotServe(Reason.OUT_OF_MEMORY, "no")) == 31
    assert not (tmp_path / "none").exists()


def test_help_needs_nothing_of_the_engine() -> None:
    code = "from plimsoll.cli.main import app; app(['engine', '--help'], standalone_mode=False)"
    code = f"import sys; {code}; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(answer.stdout.splitlines()[-1].split())
    assert loaded.isdisjoint({"numpy", "uvicorn", "uvloop", "jinja2", "llguidance", "orjson", "plimsoll.runtime"})
