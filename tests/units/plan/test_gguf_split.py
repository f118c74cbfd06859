"""A model in several files is summed, and parts that do not belong together are refused."""

from __future__ import annotations

import pytest

from plimsoll.plan.gguf import BadHeader, Header, parse
from plimsoll.plan.gguf_split import combine, split_count, split_names
from plimsoll.plan.gguf_types import ValueType
from plimsoll.plan.sizing_model import model_of
from tests.support import gguf_maker as maker
from tests.support.gguf_maker import Given, Typed
from tests.support.gguf_models import SMALL

TENSORS = maker.tensors_of(SMALL, "F16")


def header(values: dict[str, Given], first: int, last: int) -> Header:
    made = maker.make(values, TENSORS[first:last])
    found = parse(made.data, made.file_size)
    assert isinstance(found, Header)
    return found


def part(number: int, first: int, last: int, **changed: Given) -> Header:
    whole = maker.values_of(SMALL, 1) if number == 0 else {}
    own: dict[str, Given] = {"no": Typed(ValueType.UINT16, number), "count": 3, "tensors.count": len(TENSORS)}
    own |= {key.replace("__", "."): value for key, value in changed.items()}
    return header({**whole, **{f"split.{key}": value for key, value in own.items()}}, first, last)


def parts() -> list[Header]:
    return [part(0, 0, 10), part(1, 10, 20), part(2, 20, len(TENSORS))]


def test_the_files_of_a_model_are_summed() -> None:
    whole = header(maker.values_of(SMALL, 1), 0, len(TENSORS))
    together = combine(parts())
    assert together.tensor_bytes == whole.tensor_bytes
    assert model_of(together) == model_of(whole)


def test_a_first_file_may_have_no_tensors() -> None:
    assert combine([part(0, 0, 0), part(1, 0, 20), part(2, 20, len(TENSORS))]).tensor_bytes > 0


def test_only_the_first_file_must_tell_how_many_there_are() -> None:
    first, _, third = parts()
    second = header({"split.no": 1}, 10, 20)
    assert combine([first, second, third]).tensor_bytes == combine(parts()).tensor_bytes


def test_a_model_in_one_file_is_itself() -> None:
    whole = header(maker.values_of(SMALL, 1), 0, len(TENSORS))
    assert split_count(whole) == 1
    assert combine([whole]) is whole
    assert split_names("any name.gguf", whole) == ("any name.gguf",)


def test_the_names_of_all_files_follow_from_the_first() -> None:
    assert split_names("models/big-00001-of-00003.gguf", part(0, 0, 1)) == (
        "models/big-00001-of-00003.gguf",
        "models/big-00002-of-00003.gguf",
        "models/big-00003-of-00003.gguf",
    )


@pytest.mark.parametrize("name", ["big.gguf", "big-00001-of-00004.gguf", "big-00002-of-00003.gguf", "big-1-of-3.gguf"])
def test_a_name_that_contradicts_the_header_is_refused(name: str) -> None:
    with pytest.raises(BadHeader, match="3 files"):
        split_names(name, part(0, 0, 1))


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(BadHeader, match="lies in 3 files, and 2 were read"):
        combine(parts()[:2])
    with pytest.raises(BadHeader, match="no file"):
        combine([])


def test_files_in_the_wrong_order_are_refused() -> None:
    first, second, third = parts()
    with pytest.raises(BadHeader, match="file 2 of 3 says that it is number 3"):
        combine([first, third, second])


def test_a_part_that_stands_first_without_being_it_is_refused() -> None:
    first, second, third = parts()
    with pytest.raises(BadHeader, match="file 1 of 3 says that it is number 2"):
        combine([second, first, third])


def test_a_file_of_another_model_is_refused() -> None:
    first, _, third = parts()
    with pytest.raises(BadHeader, match="another model"):
        combine([first, part(1, 10, 20, count=5), third])


def test_a_tensor_in_two_files_is_refused() -> None:
    first, _, third = parts()
    with pytest.raises(BadHeader, match="stands in two"):
        combine([first, part(1, 9, 20), third])


def test_a_number_of_tensors_that_is_not_there_is_refused() -> None:
    first, _, third = parts()
    with pytest.raises(BadHeader, match=f"announces {len(TENSORS)}"):
        combine([first, part(1, 10, 19), third])


@pytest.mark.parametrize("count", [1001, Typed(ValueType.INT32, -1), "three", 3.0], ids=str)
def test_a_count_of_files_that_cannot_be_is_refused(count: Given) -> None:
    with pytest.raises(BadHeader, match=r"split\.count"):
        split_count(part(0, 0, 1, count=count))
