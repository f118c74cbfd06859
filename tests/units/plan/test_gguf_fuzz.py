"""E-02: whatever is in a header, it is read, refused or too short; never a crash, never without bounds."""

from __future__ import annotations

import random
import struct
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from plimsoll.errors import UserError
from plimsoll.plan.gguf import MOST_KEYS, MOST_TENSORS, BadHeader, Header, NotGGUF, parse
from plimsoll.plan.gguf_cursor import LARGEST_HEADER, MOST_STRINGS, Cursor
from plimsoll.plan.gguf_split import combine
from plimsoll.plan.gguf_types import ValueType
from plimsoll.plan.sizing import Load, estimate
from plimsoll.plan.sizing_model import model_of
from tests.support import gguf_maker as maker
from tests.support.form import Form
from tests.support.gguf_maker import INTERESTING, Listed, Made, MadeTensor
from tests.support.gguf_models import MODELS

MIB = 1 << 20
SHARES = range(10)
LOAD = Load(context=4096, parallel=2, embeddings=False, mapped=True)


def told(error: UserError, result: str) -> str:
    """A message from a hostile file must still fit into a status."""
    assert 0 < len(error.message) < 1000
    assert error.fix
    return result


def outcome(data: bytes, file_size: int | None) -> str:
    """What became of a header. Anything but the errors that say what to do is left to fail the test."""
    try:
        found = parse(data, file_size)
    except (BadHeader, NotGGUF) as error:
        return told(error, "refused")
    if not isinstance(found, Header):
        assert len(data) < found.at_least <= LARGEST_HEADER
        return "too short"
    try:
        size = estimate(model_of(combine([found])), LOAD).total
    except UserError as error:
        return told(error, "read, not sized")
    assert 0 < size < 1 << 80
    return "sized"


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("kind", MODELS)
def test_e_02_a_damaged_header_is_read_or_refused_and_nothing_else(kind: str, share: int, form: Form) -> None:
    made, rng = MODELS[kind](), random.Random(f"{form.seed}:{kind}:{share}")
    cases = form.count(small=20, large=1_000_000 // len(SHARES) // len(MODELS))
    for _ in range(cases):
        outcome(maker.mutate(made, rng), rng.choice((None, made.file_size)))


def test_e_02_damage_reaches_every_way_out(form: Form) -> None:
    rng = random.Random(form.seed)
    mades = [make() for make in MODELS.values()]
    found = Counter(outcome(maker.mutate(made, rng), made.file_size) for made in mades for _ in range(50))
    assert set(found) == {"refused", "too short", "read, not sized", "sized"}


@pytest.mark.parametrize("kind", MODELS)
def test_e_02_every_number_of_a_header_may_be_any_number(kind: str, form: Form) -> None:
    made = MODELS[kind]()
    points = [(index, value) for index in range(len(made.fields)) for value in INTERESTING]
    for index, value in form.sample("numbers", points, short=100):
        outcome(made.with_number(index, value), made.file_size)


def test_e_02_every_cut_of_a_header_is_too_short_or_refused(form: Form) -> None:
    made = MODELS["plain"]()
    for length in form.sample("cuts", range(len(made.data)), short=200):
        assert outcome(made.data[:length], made.file_size) == "too short"
        assert outcome(made.data[:length], length) == "refused"


def test_e_02_bytes_without_sense_are_refused(form: Form) -> None:
    rng = random.Random(form.seed)
    for _ in range(form.count(small=200, large=20_000)):
        noise = b"GGUF" + struct.pack("<I", 3) + rng.randbytes(rng.randint(0, 200))
        assert outcome(noise, len(noise)) == "refused"


def test_e_02_reading_takes_no_more_steps_than_there_are_bytes(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, reach = Counter[str](), Cursor._reach

    def counted(self: Cursor, position: int, what: str) -> None:
        steps["all"] += 1
        reach(self, position, what)

    monkeypatch.setattr(Cursor, "_reach", counted)
    made, rng = MODELS["hybrid"](), random.Random(form.seed)
    for _ in range(form.count(small=100, large=10_000)):
        data = maker.mutate(made, rng)
        steps.clear()
        outcome(data, None)
        assert steps["all"] <= len(data) + 8


def test_e_02_damaged_headers_take_little_memory(form: Form) -> None:
    made, rng = MODELS["plain"](), random.Random(form.seed)
    cases = [maker.mutate(made, rng) for _ in range(form.count(small=200, large=10_000))]
    tracemalloc.start()
    try:
        for case in cases:
            outcome(case, None)
        assert tracemalloc.get_traced_memory()[1] < 2 * MIB
    finally:
        tracemalloc.stop()


def _full_of_texts(form: Form) -> Made:
    count = form.count(small=50_000, large=MOST_STRINGS)
    made = maker.make({"a": Listed(ValueType.STRING, [""])}, [])
    return replace(made, data=made.data[:-16] + struct.pack("<Q", count) + bytes(8 * count))


def _full_of_numbers(form: Form) -> Made:
    count = form.count(small=200, large=MOST_KEYS)
    return maker.make({f"k{number}": Listed(ValueType.INT64, [1 << 62] * 1024) for number in range(count)}, [])


def _full_of_long_text(form: Form) -> Made:
    # Astral characters take four bytes each once they are read.
    return maker.make({f"k{number}": "\U0001f300" * MIB for number in range(form.count(small=2, large=15))}, [])


def _full_of_tensors(form: Form) -> Made:
    count = form.count(small=1000, large=MOST_TENSORS)
    return maker.make({}, [MadeTensor(f"{number:063}", (1, 1, 1, 1), "F32") for number in range(count)])


FULL = (_full_of_texts, _full_of_numbers, _full_of_long_text, _full_of_tensors)


@pytest.mark.parametrize("fill", FULL, ids=lambda fill: fill.__name__)
def test_e_02_the_fullest_header_takes_less_than_64_mib(fill: Callable[[Form], Made], form: Form) -> None:
    made = fill(form)
    tracemalloc.start()
    try:
        assert isinstance(parse(made.data), Header)
        assert tracemalloc.get_traced_memory()[1] < 64 * MIB
    finally:
        tracemalloc.stop()


def test_e_02_an_undamaged_header_of_every_kind_is_sized() -> None:
    # The part of two is read, and is not a whole model.
    found = {kind: outcome(make().data, make().file_size) for kind, make in MODELS.items()}
    assert {kind for kind, result in found.items() if result != "sized"} == {"one part of two"}
