"""What is known of a file before llama.cpp parses it, and in which words an engine ends."""

import os
from pathlib import Path

import pytest

from plimsoll.api.reasons import Reason
from plimsoll.errors import UserError
from plimsoll.runtime.endings import CannotServe, reason_of
from plimsoll.runtime.memory import memory_limit
from plimsoll.runtime.precheck import check
from plimsoll.runtime.settings import Settings
from tests.support.gguf_models import small

MIB = 1 << 20


def settings(model: Path, **more: int | bool) -> Settings:
    return Settings(model, "boat", **more)  # type: ignore[arg-type]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    made = small()
    path = tmp_path / "model.gguf"
    path.write_bytes(made.data)
    os.truncate(path, made.file_size)
    return path


def test_a_model_with_room_is_let_through(model: Path) -> None:
    check(settings(model, context=256), limit=1 << 40)


def test_weights_and_cache_that_cannot_fit_are_told_part_by_part(model: Path) -> None:
    with pytest.raises(CannotServe) as raised:
        check(settings(model, context=4096, parallel=4), limit=MIB)
    assert raised.value.reason is Reason.DOES_NOT_FIT
    assert "weights" in raised.value.message
    assert "KV" in raised.value.message


def test_the_cache_counts_with_every_slot(model: Path) -> None:
    size = model.stat().st_size
    check(settings(model, context=256, parallel=1), limit=size + 64 * MIB)
    with pytest.raises(CannotServe):
        check(settings(model, context=4096, parallel=256), limit=size + 64 * MIB)


def test_what_is_mapped_or_on_a_gpu_may_be_larger_than_the_limit(model: Path) -> None:
    check(settings(model, map_weights=True), limit=1)
    check(settings(model, gpu_layers=1), limit=1)


@pytest.mark.parametrize("data", [b"", b"<html>", b"GGUF\x03\x00\x00\x00" + b"\xff" * 16])
def test_other_files_are_no_models(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file.gguf"
    path.write_bytes(data)
    with pytest.raises(CannotServe) as raised:
        check(settings(path))
    assert raised.value.reason is Reason.NOT_A_MODEL


def test_a_pipe_is_no_model_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CannotServe, match="no regular file"):
        check(settings(tmp_path / "pipe"))


def test_a_folder_is_told_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(CannotServe, match="is a folder: --model is one GGUF file in it") as raised:
        check(settings(tmp_path))
    assert raised.value.reason is Reason.NOT_A_MODEL


def test_a_file_that_is_not_there_has_no_reason_of_the_contract(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file") as raised:
        check(settings(tmp_path / "none.gguf"))
    assert reason_of(raised.value) is None


@pytest.mark.parametrize(
    ("error", "said", "reason"),
    [
        (MemoryError(), (), Reason.OUT_OF_MEMORY),
        (UserError("llama.cpp could not load x", fix=""), ("unknown model architecture: 'boat'",), "ModelUnsupported"),
        (UserError("no", fix=""), ("ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer",),
         "OutOfMemory"),
        (UserError("no", fix=""), ("tensor 'x' data is not within the file bounds, model is corrupted or incomplete",),
         "NotAModel"),
        (UserError("no", fix=""), ("CUDA driver version is insufficient for CUDA runtime version",), "DriverMissing"),
        (CannotServe(Reason.DOES_NOT_FIT, "out of memory"), (), Reason.DOES_NOT_FIT),
        (RuntimeError("anything else"), (), None),
    ],
)  # fmt: skip
def test_what_the_library_says_becomes_a_reason(error: Exception, said: tuple[str, ...], reason: str | None) -> None:
    assert reason_of(error, said) == reason


def test_the_smallest_memory_limit_of_all_groups_above_counts(tmp_path: Path) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (groups / "pod" / "engine").mkdir(parents=True)
    proc.mkdir()
    (proc / "cgroup").write_text("0::/pod/engine\n")
    assert memory_limit(proc, groups) is None
    (groups / "pod" / "engine" / "memory.max").write_text("max\n")
    (groups / "pod" / "memory.max").write_text("1000\n")
    (groups / "memory.max").write_text("2000\n")
    assert memory_limit(proc, groups) == 1000


def test_the_first_version_of_control_groups_is_read_too(tmp_path: Path) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (groups / "memory" / "pod").mkdir(parents=True)
    proc.mkdir()
    (proc / "cgroup").write_text("5:cpu:/pod\n4:memory:/pod\n")
    (groups / "memory" / "pod" / "memory.limit_in_bytes").write_text("3000\n")
    (groups / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert memory_limit(proc, groups) == 3000
