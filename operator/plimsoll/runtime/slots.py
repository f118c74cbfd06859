"""Places for requests at work, and which of them a new request gets: one whose cache already begins like its prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Shorter common beginnings, such as the first words of every chat template, are not worth a bad place.
WORTH_A_PLACE = 32
# Copying a whole stream costs as much as reading some prompt; below this many tokens it does not pay.
WORTH_A_COPY = 64


@dataclass(slots=True, eq=False)
class Slot:
    """One stream of the cache. `tokens[:length]` is what has been computed into it."""

    number: int
    tokens: NDArray[np.int32]
    length: int = 0
    busy: bool = False
    last_used: int = 0

    def common(self, prompt: NDArray[np.int32]) -> int:
        """How many tokens need no computing. One is always left: logits come from computing something."""
        most = min(self.length, len(prompt) - 1)
        different = self.tokens[:most] != prompt[:most]
        return int(different.argmax()) if different.any() else most

    def take(self, source: Slot, common: int) -> None:
        """For a new request, whose first tokens are already computed here or copied from another slot."""
        self.tokens[:common] = source.tokens[:common]
        self.length = common
        self.busy = True

    def append(self, token: int) -> None:
        self.tokens[self.length] = token
        self.length += 1

    def extend(self, tokens: NDArray[np.int32]) -> None:
        self.tokens[self.length : self.length + len(tokens)] = tokens
        self.length += len(tokens)

    def release(self, now: int) -> None:
        self.busy = False
        self.last_used = now


def make_slots(count: int, context: int) -> list[Slot]:
    return [Slot(number, np.zeros(context, dtype=np.int32)) for number in range(count)]


@dataclass(frozen=True, slots=True)
class Placement:
    """`common` tokens are there already, in the slot itself or in `source`, from where they are copied."""

    slot: Slot
    common: int
    source: Slot | None = None


def place(prompt: NDArray[np.int32], slots: Sequence[Slot]) -> Placement | None:
    """None while every slot is busy."""
    idle = [slot for slot in slots if not slot.busy]
    if not idle:
        return None
    common = {slot.number: slot.common(prompt) for slot in slots}
    best = max(idle, key=lambda slot: _preference(slot, common[slot.number], slots))
    source = max(slots, key=lambda slot: common[slot.number])
    if common[source.number] - common[best.number] >= WORTH_A_COPY:
        return Placement(best, common[source.number], source)
    return Placement(best, common[best.number])


def _preference(slot: Slot, common: int, slots: Sequence[Slot]) -> tuple[int, int, int]:
    """First what is in the cache, then whether busy slots lie together, then what was used longest ago.

    llama.cpp computes streams in one pass only if their numbers follow each other; each gap costs another
    pass over the weights.
    """
    beside = sum(0 <= near < len(slots) and slots[near].busy for near in (slot.number - 1, slot.number + 1))
    return (common if common >= WORTH_A_PLACE else 0, beside, -slot.last_used)
