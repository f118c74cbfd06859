"""A structure that bindings and headers see differently is found, whatever the difference is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.engine import layout, toolchain
from tools.engine.errors import EngineError, LayoutMismatch

HEADER = """
struct llama_pair { float bias; int token; };
struct llama_thing { int n_ctx; bool use; void * data; struct llama_pair pair; char key[8]; };
"""
BINDINGS = """
import ctypes

class llama_pair(ctypes.Structure):
    _fields_ = [("bias", ctypes.c_float), ("token", ctypes.c_int)]

class llama_thing(ctypes.Structure):
    _fields_ = [
        ("n_ctx", ctypes.c_int),
        ("use", ctypes.c_bool),
        ("data", ctypes.c_void_p),
        ("pair", llama_pair),
        ("key", ctypes.c_char * 8),
    ]

class llama_hidden(ctypes.Structure):
    pass
"""


def engine(folder: Path, bindings: str = BINDINGS) -> Path:
    package = folder / "python" / "llama_cpp"
    package.mkdir(parents=True)
    (package / "llama_cpp.py").write_text(bindings)
    return folder


def bound(folder: Path, bindings: str = BINDINGS) -> layout.Layouts:
    return layout.bound_in(engine(folder, bindings))


def found(folder: Path, bindings: str, header: str = HEADER) -> list[str]:
    (folder / "llama.h").write_text(header)
    seen = bound(folder, bindings)
    return layout.differences(seen, layout.compiled(seen, layout.Compiler(toolchain.compiler(), (folder,)), folder))


def test_bindings_that_fit_their_headers_pass(tmp_path: Path) -> None:
    assert found(tmp_path, BINDINGS) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('("n_ctx", ctypes.c_int)', '("n_ctx", ctypes.c_int64)', "llama_thing.n_ctx is an integer of 4 at byte 0"),
        ('("n_ctx", ctypes.c_int)', '("n_ctx", ctypes.c_float)', "in the bindings a float of 4 at byte 0"),
        ('        ("data", ctypes.c_void_p),\n', "", "llama_thing.pair is a structure of 8 at byte 16"),
        ("ctypes.c_char * 8", "ctypes.c_char * 16", "llama_thing has 32 bytes, in the bindings 40"),
    ],
)
def test_a_field_of_the_bindings_that_changed_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    changed = BINDINGS.replace(old, new)
    assert changed != BINDINGS
    assert said in "\n".join(found(tmp_path, changed))


def test_fields_in_another_order_are_found(tmp_path: Path) -> None:
    swapped = HEADER.replace("float bias; int token;", "int token; float bias;")
    assert len(found(tmp_path, BINDINGS, swapped)) == 2


def test_a_field_that_the_headers_lack_is_named(tmp_path: Path) -> None:
    with pytest.raises(LayoutMismatch, match="n_ctx"):
        found(tmp_path, BINDINGS, HEADER.replace("int n_ctx", "int n_context"))


def test_bindings_without_a_structure_that_we_hand_over_are_refused(tmp_path: Path) -> None:
    compiler = layout.Compiler(toolchain.compiler(), (tmp_path,))
    with pytest.raises(LayoutMismatch, match="the bindings have no llama_batch"):
        layout.check(engine(tmp_path), compiler, tmp_path)


def test_one_difference_ends_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "CHECKED", ("llama_pair",))
    (tmp_path / "llama.h").write_text(HEADER.replace("float bias", "double bias"))
    compiler = layout.Compiler(toolchain.compiler(), (tmp_path,))
    with pytest.raises(
        LayoutMismatch, match=r"llama_pair\.bias is a float of 8 at byte 0, in the bindings a float of 4"
    ):
        layout.check(engine(tmp_path), compiler, tmp_path)


def test_the_libraries_that_tests_use_fit_their_bindings(engine_home: Path) -> None:
    assert set(layout.CHECKED) <= set(layout.bound_in(engine_home))


def test_libraries_that_lack_a_function_of_the_bindings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="undefined symbol: llama_gone"):
        bound(tmp_path, "import ctypes\nctypes.CDLL(None).llama_gone\n")


def test_the_program_that_reads_the_bindings_needs_nothing_but_them(tmp_path: Path) -> None:
    program = Path(layout.__file__).with_name("bound.py")
    done = subprocess.run([sys.executable, "-S", program, engine(tmp_path)], capture_output=True, text=True, check=True)
    assert "llama_hidden" not in done.stdout
