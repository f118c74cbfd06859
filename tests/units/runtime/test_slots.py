"""A new request gets the slot whose cache already begins like its prompt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plimsoll.runtime.slots import WORTH_A_COPY, WORTH_A_PLACE, Placement, Slot, make_slots, place


def _tokens(*parts: tuple[int, int]) -> NDArray[np.int32]:
    """Parts of (token, how often)."""
    return np.concatenate([np.full(count, token, dtype=np.int32) for token, count in parts])


def _filled(slot: Slot, *parts: tuple[int, int], busy: bool = False, last_used: int = 0) -> None:
    slot.extend(_tokens(*parts))
    slot.busy, slot.last_used = busy, last_used


def _placed(slots: list[Slot], *parts: tuple[int, int]) -> Placement:
    placement = place(_tokens(*parts), slots)
    assert placement is not None
    return placement


def test_one_token_is_always_left_to_compute() -> None:
    slot = make_slots(1, 100)[0]
    _filled(slot, (7, 50))
    assert slot.common(_tokens((7, 50))) == 49
    assert slot.common(_tokens((7, 30))) == 29
    assert slot.common(_tokens((7, 50), (8, 1))) == 50


def test_what_follows_a_difference_does_not_count() -> None:
    slot = make_slots(1, 100)[0]
    _filled(slot, (7, 10), (8, 1), (7, 20))
    assert slot.common(_tokens((7, 40))) == 10


def test_without_an_idle_slot_there_is_no_place() -> None:
    slots = make_slots(2, 10)
    for slot in slots:
        slot.busy = True
    assert place(_tokens((1, 3)), slots) is None


def test_the_slot_that_begins_alike_is_taken() -> None:
    slots = make_slots(3, 200)
    _filled(slots[2], (5, WORTH_A_PLACE + 1), last_used=9)
    placement = _placed(slots, (5, 100))
    assert (placement.slot, placement.common, placement.source) == (slots[2], WORTH_A_PLACE + 1, None)


def test_a_few_common_words_are_not_worth_a_gap_between_busy_slots() -> None:
    slots = make_slots(4, 200)
    slots[0].busy = True
    _filled(slots[3], (5, WORTH_A_PLACE - 1))
    assert _placed(slots, (5, 100)).slot is slots[1]


def test_a_hole_between_busy_slots_is_filled_first() -> None:
    slots = make_slots(5, 10)
    for number in (0, 1, 3):
        slots[number].busy = True
    assert _placed(slots, (1, 3)).slot is slots[2]


def test_among_equals_the_slot_unused_for_longest_is_taken() -> None:
    slots = make_slots(3, 10)
    slots[0].last_used, slots[1].last_used, slots[2].last_used = 5, 3, 4
    assert _placed(slots, (1, 3)).slot is slots[1]


def test_a_long_common_beginning_is_copied_from_a_busy_slot() -> None:
    slots = make_slots(2, 500)
    _filled(slots[0], (5, WORTH_A_COPY), busy=True)
    placement = _placed(slots, (5, 300))
    assert (placement.slot, placement.common, placement.source) == (slots[1], WORTH_A_COPY, slots[0])


def test_a_short_common_beginning_is_not_copied() -> None:
    slots = make_slots(2, 500)
    _filled(slots[0], (5, WORTH_A_COPY - 1), busy=True)
    placement = _placed(slots, (5, 300))
    assert (placement.slot, placement.common, placement.source) == (slots[1], 0, None)


def test_a_slot_that_is_taken_remembers_only_what_is_common() -> None:
    slots = make_slots(2, 100)
    _filled(slots[0], (5, 40), (6, 40))
    slots[1].take(slots[0], 40)
    slots[1].append(9)
    assert slots[1].tokens[: slots[1].length].tolist() == [5] * 40 + [9]
    assert slots[1].busy
