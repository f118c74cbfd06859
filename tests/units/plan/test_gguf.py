"""A header is read from its first bytes, and one that lies ends as a message."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from plimsoll.plan.gguf import (
    LONGEST_KEY,
    LONGEST_TENSOR_NAME,
    MOST_DIMENSIONS,
    MOST_KEPT_TEXT,
    MOST_KEYS,
    MOST_TENSORS,
    BadHeader,
    Header,
    NeedMore,
    NotGGUF,
    Omitted,
    parse,
)
from plimsoll.plan.gguf_cursor import FIRST_READ, LARGEST_FILE, LARGEST_HEADER, MOST_STRINGS
from plimsoll.plan.gguf_types import ValueType
from tests.support import gguf_maker as maker
from tests.support.gguf_maker import Given, Listed, Made, MadeTensor, Typed

ARCHITECTURE: dict[str, Given] = {"general.architecture": "llama"}
ROW = MadeTensor("a", (32,), "F32")


def read(made: Made) -> Header:
    found = parse(made.data, made.file_size)
    assert isinstance(found, Header)
    return found


def refused(data: bytes, file_size: int | None = None) -> str:
    with pytest.raises(BadHeader) as caught:
        parse(data, file_size)
    assert caught.value.fix
    return caught.value.message


def reads(data: bytes, file_size: int | None) -> tuple[Header, list[int]]:
    """Reads as a caller over a network does: only as many bytes as are asked for."""
    asked, have = [0], b""
    while True:
        found = parse(have, file_size)
        if isinstance(found, Header):
            return found, asked[1:]
        assert found.at_least > len(have), "no progress"
        asked.append(found.at_least)
        have = data[: found.at_least]


def test_a_header_is_read_with_its_values_and_tensors() -> None:
    made = maker.make(
        {**ARCHITECTURE, "x": 7, "y": 2.5, "z": True, "t": "text", "n": Typed(ValueType.INT64, -5), "l": [1, 2, 3]},
        [MadeTensor("a", (64, 2), "Q8_0"), MadeTensor("b", (32,), "F32")],
    )
    header = read(made)
    assert dict(header.values) == {
        "general.architecture": "llama", "x": 7, "y": 2.5, "z": True, "t": "text", "n": -5, "l": (1, 2, 3)
    }  # fmt: skip
    assert [(one.name, one.dimensions, one.kind.name, one.offset, one.size) for one in header.tensors] == [
        ("a", (64, 2), "Q8_0", 0, 136),
        ("b", (32,), "F32", 160, 128),
    ]
    assert header.data_start % 32 == 0
    assert header.data_start + 160 + 128 == made.file_size
    assert header.tensor_bytes == 264


@pytest.mark.parametrize("version", [2, 3])
def test_versions_two_and_three_are_read(version: int) -> None:
    assert read(maker.make(ARCHITECTURE, [ROW], version=version)).version == version


@pytest.mark.parametrize("version", [0, 1, 4, 70_000])
def test_another_version_is_refused(version: int) -> None:
    assert "version" in refused(maker.make(ARCHITECTURE, [ROW], version=version).data) or version == 0


def test_big_endian_is_refused_in_words() -> None:
    message = refused(b"GGUF" + struct.pack(">IQQ", 3, 0, 0))
    assert "big-endian" in message


def test_lists_of_texts_are_skipped_and_only_counted() -> None:
    header = read(maker.make({**ARCHITECTURE, "tokenizer.ggml.tokens": ["one", "two", "three"], "after": 9}, [ROW]))
    assert header.values["tokenizer.ggml.tokens"] == Omitted(ValueType.STRING, 3)
    assert header.values["after"] == 9


def test_long_lists_of_numbers_are_skipped_and_only_counted() -> None:
    header = read(maker.make({"short": [1] * 1024, "long": [1] * 1025, "after": 9}, [ROW]))
    assert header.values["short"] == (1,) * 1024
    assert header.values["long"] == Omitted(ValueType.INT32, 1025)
    assert header.values["after"] == 9


def test_what_is_kept_has_an_end_over_all_values_together() -> None:
    half = "x" * (MOST_KEPT_TEXT // 2)
    header = read(maker.make({"a": half, "b": half, "c": "one more"}, [ROW]))
    assert header.values["b"] == half
    assert header.values["c"] == Omitted(ValueType.STRING, 8)
    lists = {f"l{number}": [1] * 1024 for number in range(65)}
    header = read(maker.make(lists, [ROW]))
    assert header.values["l63"] == (1,) * 1024
    assert header.values["l64"] == Omitted(ValueType.INT32, 1024)


def test_a_real_header_needs_one_read_and_a_larger_one_two() -> None:
    small = maker.model(maker.LLAMA_7B)
    assert reads(small.data, small.file_size)[1] == [FIRST_READ]
    large = maker.make({"tokenizer.huggingface.json": "x" * FIRST_READ}, [ROW])
    assert reads(large.data, large.file_size)[1] == [FIRST_READ, large.file_size]


def test_reading_in_pieces_gives_the_same_as_reading_at_once() -> None:
    made = maker.model(maker.TINY, "F16")
    whole = read(made)
    for cut in range(0, len(made.data), 97):
        assert isinstance(parse(made.data[:cut], made.file_size), NeedMore)
    assert reads(made.data, made.file_size)[0] == whole
    assert reads(made.data, None)[0] == whole


def test_no_more_is_asked_for_than_the_file_has() -> None:
    made = maker.model(maker.TINY, "F16")
    assert parse(b"", made.file_size) == NeedMore(min(FIRST_READ, made.file_size))


def test_a_hostile_header_cannot_ask_for_many_reads() -> None:
    # Each text ends just behind what was read, whatever was read.
    endless = maker.make({"a": "x"}, []).data[:-9] + struct.pack("<Q", LARGEST_HEADER - 1000)
    found, count, have = parse(endless), 0, len(endless)
    while isinstance(found, NeedMore):
        assert have < found.at_least <= LARGEST_HEADER
        have, count = found.at_least, count + 1
        try:
            found = parse(endless.ljust(have, b"\xff"))
        except BadHeader:
            break
    assert count <= 8


@pytest.mark.parametrize("file_size", [None, 2 * LARGEST_HEADER])
def test_a_header_past_the_cap_is_refused_at_once(file_size: int | None) -> None:
    data = maker.make({"a": Listed(ValueType.UINT8, [0])}, []).data

    def reaching(position: int) -> bytes:
        return data[:-9] + struct.pack("<Q", position - len(data) + 1) + b"\0"

    assert parse(reaching(LARGEST_HEADER), file_size) == NeedMore(LARGEST_HEADER)
    assert "no real header is longer" in refused(reaching(LARGEST_HEADER + 1), file_size)


def test_a_value_may_end_where_the_file_does() -> None:
    data = maker.make({"a": 1}, []).data
    assert parse(data[:-4], len(data)) == NeedMore(len(data))
    assert isinstance(parse(data, len(data)), Header)


@pytest.mark.parametrize("count", [MOST_STRINGS + 1, 1 << 63, (1 << 64) - 1])
def test_a_count_of_texts_beyond_any_vocabulary_is_refused_without_a_step(count: int) -> None:
    data = maker.make({"a": Listed(ValueType.STRING, [""])}, []).data
    assert "texts" in refused(data[:-16] + struct.pack("<Q", count) + data[-8:])


def test_the_count_of_texts_is_limited_over_all_lists_together() -> None:
    data = maker.make({"a": Listed(ValueType.STRING, ["x"]), "b": Listed(ValueType.STRING, [""])}, []).data
    assert "texts" in refused(data[:-16] + struct.pack("<Q", MOST_STRINGS) + data[-8:])


def shaped(*dimensions: int, kind: str = "F32", name: str = "a") -> Made:
    return maker.make(ARCHITECTURE, [MadeTensor(name, dimensions, kind)])


REFUSED: dict[str, tuple[Callable[[], Made], str]] = {
    "too many keys": (lambda: maker.make({f"k{number}": 1 for number in range(MOST_KEYS + 1)}, []), "number of keys"),
    "a long key": (lambda: maker.make({"k" * 257: 1}, []), "key 0"),
    "an empty key": (lambda: maker.make({"": 1}, []), "key 0 is empty"),
    "a key of two lines": (lambda: maker.make({"a\nb": 1}, []), "cannot be printed"),
    "a long tensor name": (lambda: shaped(1, name="n" * 64), "name of tensor 0"),
    "a tensor twice": (lambda: maker.make(ARCHITECTURE, [ROW, ROW]), "stands twice"),
    "five dimensions": (lambda: shaped(1, 1, 1, 1, 1), "5 dimensions"),
    "rows of half blocks": (lambda: shaped(33, 2, kind="Q8_0"), "multiple of 32"),
    "rows that fill blocks only together": (lambda: shaped(16, 2, kind="Q8_0"), "multiple of 32"),
    "a dimension of nothing": (lambda: shaped(0), "impossible shape"),
    "a product that overflows": (lambda: shaped(1 << 40, 1 << 40), "impossible shape"),
    "a product that overflows to little": (lambda: shaped(1 << 32, 1 << 32, 1, 2), "impossible shape"),
    "a negative dimension": (lambda: shaped((1 << 64) - 1), "impossible shape"),
    "alignment nought": (lambda: maker.make({"general.alignment": 0}, [ROW]), "general.alignment"),
    "alignment 48": (lambda: maker.make({"general.alignment": 48}, [ROW]), "general.alignment"),
    "alignment 2 MiB": (lambda: maker.make({"general.alignment": 1 << 21}, [ROW]), "general.alignment"),
    "alignment as text": (lambda: maker.make({"general.alignment": "32"}, [ROW]), "general.alignment"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_loader_takes_is_refused_with_the_place(case: str) -> None:
    made, told = REFUSED[case]
    assert told in refused(made().data)


def test_tensors_that_overlap_or_leave_gaps_are_refused() -> None:
    made = maker.make(ARCHITECTURE, [ROW, MadeTensor("b", (32,), "F32")])
    for offset in (0, 96, 160, 1 << 63):
        assert "begins at" in refused(made.with_number(len(made.fields) - 1, offset), made.file_size)


def test_the_longest_names_and_the_most_dimensions_are_read() -> None:
    made = maker.make({"k" * LONGEST_KEY: 1}, [MadeTensor("n" * LONGEST_TENSOR_NAME, (1,) * MOST_DIMENSIONS, "F32")])
    assert read(made).tensors[0].size == 4


def test_a_tensor_without_dimensions_is_one_number() -> None:
    assert read(maker.make(ARCHITECTURE, [MadeTensor("a", (), "F32")])).tensors[0].size == 4
    assert "multiple of 32" in refused(maker.make(ARCHITECTURE, [MadeTensor("a", (), "Q8_0")]).data)


def test_a_number_of_tensors_beyond_any_model_is_refused() -> None:
    made = maker.make(ARCHITECTURE, [ROW])
    for count in (MOST_TENSORS + 1, (1 << 64) - 1):
        assert "number of tensors" in refused(made.with_number(1, count))


def test_the_types_of_values_and_tensors_are_checked() -> None:
    made = maker.make({"a": 1}, [])
    assert "type 13" in refused(made.with_number(4, 13))
    made = maker.make({"a": [1]}, [])
    assert "list of lists" in refused(made.with_number(5, 9))
    made = maker.make(ARCHITECTURE, [ROW])
    for kind in (4, 31, 43, 255):
        assert f"type {kind}" in refused(made.with_number(len(made.fields) - 2, kind))


def test_a_key_that_stands_twice_is_refused() -> None:
    data = maker.make({"ab": 1, "ac": 2}, []).data
    assert "stands twice" in refused(data.replace(b"ac", b"ab"))


def test_a_key_that_is_not_utf8_is_refused() -> None:
    assert "UTF-8" in refused(maker.make({"ab": 1}, []).data.replace(b"ab", b"\xff\xfe"))


def test_text_that_is_not_utf8_is_read_with_marks_in_its_place() -> None:
    header = parse(maker.make({"a": "xy"}, []).data.replace(b"xy", b"x\xff"))
    assert isinstance(header, Header)
    assert header.values["a"] == "x�"


def test_a_file_that_was_cut_is_told_by_its_size() -> None:
    made = maker.make(ARCHITECTURE, [ROW])
    assert "cut or damaged" in refused(made.data, made.file_size - 1)
    assert "cut or damaged" in refused(made.data[:-4], len(made.data) - 4)


def test_bytes_past_the_end_of_the_file_are_not_believed() -> None:
    data = maker.make({"a": 1}, []).data
    assert "cut or damaged" in refused(data, len(data) - 1)


def test_an_alignment_of_the_file_moves_its_tensors() -> None:
    made = maker.make({"general.alignment": 4096}, [ROW, MadeTensor("b", (1,), "F32")], alignment=4096)
    header = read(made)
    assert (header.data_start, header.tensors[1].offset) == (4096, 4096)


@pytest.mark.parametrize("alignment", [1, 2, 1 << 20])
def test_every_power_of_two_aligns(alignment: int) -> None:
    made = maker.make({"general.alignment": alignment}, [ROW], alignment=alignment)
    assert read(made).alignment == alignment


def test_a_size_that_no_file_has_is_refused() -> None:
    for size in (-1, LARGEST_FILE + 1):
        assert "no model has" in refused(b"GGUF", size)
    assert "beyond any real file" in refused(
        maker.make(ARCHITECTURE, [MadeTensor(name, (1 << 45,), "F32") for name in "ab"]).data
    )


def test_a_file_without_tensors_is_a_header_all_the_same() -> None:
    made = maker.make(ARCHITECTURE, [])
    assert read(made).tensors == ()
    assert read(made).data_start == len(made.data)


def test_another_kind_of_file_is_refused_before_any_byte_of_it_is_believed() -> None:
    with pytest.raises(NotGGUF):
        parse(b"PK\x03\x04" + bytes(100), 104)
