"""Our table of types is that of the gguf package, which llama.cpp's own authors publish."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest

from plimsoll.plan import sizing_architectures
from plimsoll.plan.gguf_types import FILE_TYPES, TENSOR_TYPES, VALUE_FORMATS, ValueType


@pytest.fixture(scope="module")
def constants() -> ModuleType:
    """Only the module with the numbers: the package itself would load NumPy."""
    package = importlib.util.find_spec("gguf")
    assert package is not None
    assert package.submodule_search_locations
    found = importlib.util.spec_from_file_location(
        "gguf_constants", f"{package.submodule_search_locations[0]}/constants.py"
    )
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_tensor_types_have_the_sizes_of_the_gguf_package(constants: ModuleType) -> None:
    ours = {number: (kind.name, kind.block, kind.block_bytes) for number, kind in TENSOR_TYPES.items()}
    theirs = {kind.value: (kind.name, *constants.GGML_QUANT_SIZES[kind]) for kind in constants.GGMLQuantizationType}
    # The package has 40 for Q8_1, ggml's own struct has 36 bytes; no file holds this type.
    assert theirs.pop(9) == ("Q8_1", 32, 40)
    # Newer than the package: two bits for each of 64 numbers and one scale, by ggml's own struct.
    assert {number: ours[number] for number in ours.keys() - theirs.keys()} == {
        9: ("Q8_1", 32, 36),
        42: ("Q2_0", 64, 18),
    }
    assert {number: ours[number] for number in theirs} == theirs


def test_file_types_have_the_names_of_the_gguf_package(constants: ModuleType) -> None:
    theirs = {
        kind.value: kind.name.removeprefix("MOSTLY_").removeprefix("ALL_")
        for kind in constants.LlamaFileType
        if kind.name != "GUESSED"
    }
    assert {**theirs, 41: "Q2_0"} == FILE_TYPES


def test_value_types_are_those_of_the_gguf_package(constants: ModuleType) -> None:
    assert {kind.value: kind.name for kind in constants.GGUFValueType} == {kind.value: kind.name for kind in ValueType}
    assert set(VALUE_FORMATS) == set(ValueType) - {ValueType.STRING, ValueType.ARRAY}


def test_every_architecture_of_the_gguf_package_is_known(constants: ModuleType) -> None:
    known = sizing_architectures.KNOWN
    assert {name for name in constants.MODEL_ARCH_NAMES.values() if name not in known} == set()
