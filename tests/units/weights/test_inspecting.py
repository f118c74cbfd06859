"""`plimsoll fetch inspect`: the header of a file on a volume becomes the last words of a container."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from plimsoll.api import termination
from plimsoll.api.reasons import Reason
from plimsoll.cli.main import app
from plimsoll.plan.gguf_cursor import FIRST_READ
from plimsoll.plan.sizing_report import LONGEST_REPORT, model_from
from plimsoll.weights.inspecting import inspect
from plimsoll.weights.trouble import SourceTrouble
from tests.support import gguf_maker as maker
from tests.support.gguf_maker import Made
from tests.units.weights.test_web import name, part


@pytest.fixture
def file(tmp_path: Path, tiny: Made) -> Path:
    maker.write_sparse(tmp_path / "tiny.gguf", tiny)
    return tmp_path / "tiny.gguf"


def run(*arguments: str | Path) -> tuple[int, str]:
    answer = CliRunner().invoke(app, ["fetch", "inspect", *(str(each) for each in arguments)])
    return answer.exit_code, answer.output


def trouble_with(path: Path) -> SourceTrouble:
    with pytest.raises(SourceTrouble) as raised:
        inspect(path)
    return raised.value


def test_the_report_is_what_the_operator_reads(file: Path, tmp_path: Path) -> None:
    words = tmp_path / "termination-log"
    words.write_text("what was there before")
    code, output = run("--path", file, "--to", words)
    assert code == 0
    assert model_from(words.read_text()) == inspect(file)
    assert output.strip() == words.read_text()
    assert len(words.read_bytes()) <= LONGEST_REPORT


def test_without_a_file_for_the_result_it_is_only_printed(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(termination, "PATH", str(tmp_path / "absent"))
    code, output = run("--path", file)
    assert (code, model_from(output.strip()).architecture) == (0, "llama")
    assert not (tmp_path / "absent").exists()


def test_the_file_of_kubernetes_is_written_where_there_is_one(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log").touch()
    monkeypatch.setattr(termination, "PATH", str(tmp_path / "log"))
    run("--path", file)
    assert model_from((tmp_path / "log").read_text()).architecture == "llama"


def test_trouble_ends_with_its_code_and_last_words(tmp_path: Path) -> None:
    words = tmp_path / "termination-log"
    code, _ = run("--path", tmp_path / "absent.gguf", "--to", words)
    told = termination.decode(words.read_text(), code)
    assert code == termination.EXIT_CODES[Reason.SOURCE_NOT_FOUND]
    assert told.reason is Reason.SOURCE_NOT_FOUND
    assert "absent.gguf" in told.message


def test_last_words_that_cannot_be_written_are_told(file: Path, tmp_path: Path) -> None:
    code, _ = run("--path", file, "--to", tmp_path / "absent" / "log")
    assert code == 1


def test_a_header_longer_than_the_first_read_is_read_on(tmp_path: Path) -> None:
    values = {**maker.values_of(maker.TINY, 7), "tokenizer.ggml.merges": ["a" * 1000] * 3000}
    made = maker.make(values, maker.tensors_of(maker.TINY, "Q8_0"))
    assert len(made.data) > 2 * FIRST_READ
    maker.write_sparse(tmp_path / "wide.gguf", made)
    assert inspect(tmp_path / "wide.gguf").architecture == "llama"


def test_the_parts_of_a_model_are_summed(tmp_path: Path, file: Path) -> None:
    for number in range(3):
        content = part(number)
        (tmp_path / name(number)).write_bytes(content.data.ljust(content.size, b"\0"))
    assert inspect(tmp_path / name(0)) == inspect(file)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    content = part(0)
    (tmp_path / name(0)).write_bytes(content.data.ljust(content.size, b"\0"))
    trouble = trouble_with(tmp_path / name(0))
    assert (trouble.reason, name(1) in trouble.message) == (Reason.SOURCE_NOT_FOUND, True)


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "empty"), (b"PK\x03\x04", "zip"), (b"\x80\x04\x95", "pickle"), (b"GGUF", "cut or damaged")],
)
def test_what_is_no_model_is_named(data: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(data)
    trouble = trouble_with(tmp_path / "x")
    assert (trouble.reason, words in trouble.message) == (Reason.NOT_A_MODEL, True)


def test_a_file_that_is_cut_is_no_model(tmp_path: Path, tiny: Made) -> None:
    (tmp_path / "x").write_bytes(tiny.data)
    assert "cut or damaged" in trouble_with(tmp_path / "x").message


def test_a_folder_and_a_pipe_are_no_models(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert trouble_with(tmp_path).reason is Reason.NOT_A_MODEL
    assert trouble_with(tmp_path / "pipe").reason is Reason.NOT_A_MODEL


def test_a_path_through_a_file_does_not_exist(file: Path) -> None:
    assert trouble_with(file / "x").reason is Reason.SOURCE_NOT_FOUND


def test_a_file_that_may_not_be_read_says_who_tried(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    trouble = trouble_with(file)
    assert trouble.reason is Reason.SOURCE_FORBIDDEN
    assert f"user {os.geteuid()}" in trouble.message


def test_a_volume_that_fails_may_work_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "open", fail)
    assert trouble_with(file).reason is Reason.SOURCE_UNREACHABLE


def test_strange_architectures_are_unsupported(tmp_path: Path) -> None:
    maker.write_sparse(tmp_path / "x", maker.make({"general.architecture": "clip"}, []))
    trouble = trouble_with(tmp_path / "x")
    assert trouble.reason is Reason.MODEL_UNSUPPORTED
    assert trouble.reason in termination.EXIT_CODES


def test_every_reason_has_an_exit_code(tmp_path: Path) -> None:
    code, _ = run("--path", tmp_path)
    assert code == termination.EXIT_CODES[Reason.NOT_A_MODEL]
    assert json.loads(termination.encode(Reason.NOT_A_MODEL, "x"))["reason"] == "NotAModel"


def test_a_file_with_the_named_sha256_is_reported(file: Path, tmp_path: Path) -> None:
    right = hashlib.sha256(file.read_bytes()).hexdigest()
    code, output = run("--path", file, "--sha256", right, "--to", tmp_path / "words")
    assert (code, model_from(output.strip()).architecture) == (0, "llama")


def test_a_file_with_another_sha256_is_refused_with_both(file: Path, tmp_path: Path) -> None:
    code, _ = run("--path", file, "--sha256", "0" * 64, "--to", tmp_path / "words")
    words = termination.decode((tmp_path / "words").read_text(), code)
    assert words.reason is Reason.CHECKSUM_MISMATCH
    assert "0" * 64 in words.message
    assert hashlib.sha256(file.read_bytes()).hexdigest() in words.message
