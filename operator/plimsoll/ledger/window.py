"""What was used in the last so many seconds, to the nanosecond."""

from __future__ import annotations

from collections import deque

# Beyond so many entries, neighbours become one: they are freed up to this part of the window late, never early.
EXACT = 2048


class Use:
    """At one moment; settled later, so it changes while it is counted."""

    __slots__ = ("amount", "at", "counted", "since")

    def __init__(self, at: int, amount: int) -> None:
        self.since = at
        self.at = at
        self.amount = amount
        self.counted = True


class Window:
    """A use counts from its moment on, and no longer when the window has passed since."""

    __slots__ = ("_uses", "total")

    def __init__(self) -> None:
        self._uses: deque[Use] = deque()
        self.total = 0

    def __bool__(self) -> bool:
        return bool(self._uses)

    def forget(self, until: int) -> None:
        """Everything that was used up to this moment."""
        uses = self._uses
        while uses and uses[0].at <= until:
            gone = uses.popleft()
            gone.counted = False
            self.total -= gone.amount

    def add(self, now: int, amount: int, length: int) -> Use:
        self.total += amount
        last = self._uses[-1] if len(self._uses) >= EXACT else None
        if last is not None and (now - last.since) * EXACT < length:
            last.at = now
            last.amount += amount
            return last
        use = Use(now, amount)
        self._uses.append(use)
        return use

    def change(self, use: Use, amount: int) -> None:
        """More or less than was thought."""
        if use.counted:
            use.amount += amount
            self.total += amount

    def free_at(self, needed: int, length: int) -> int:
        """When so much has left the window, if nothing is added."""
        for use in self._uses:
            needed -= use.amount
            if needed <= 0:
                return use.at + length
        raise ValueError("so much was never used")
