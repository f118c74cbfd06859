"""Which bytes of a file are there: spans that never touch or overlap, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From `begin` up to, and without, `end`."""

    begin: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.begin

    def pieces(self, most: int) -> Iterator[Span]:
        for begin in range(self.begin, self.end, most):
            yield Span(begin, min(begin + most, self.end))


@dataclass(slots=True)
class Spans:
    _spans: list[Span] = field(default_factory=list)

    @property
    def size(self) -> int:
        return sum(span.size for span in self._spans)

    def add(self, new: Span) -> None:
        apart = [span for span in self._spans if span.end < new.begin or span.begin > new.end]
        joined = [span for span in self._spans if not (span.end < new.begin or span.begin > new.end)]
        begin = min([new.begin, *(span.begin for span in joined)])
        end = max([new.end, *(span.end for span in joined)])
        self._spans = sorted([*apart, Span(begin, end)])

    def missing(self, size: int) -> list[Span]:
        """What it takes to have everything up to `size`."""
        gaps, at = [], 0
        for span in self._spans:
            if span.begin > at:
                gaps.append(Span(at, min(span.begin, size)))
            at = max(at, span.end)
        return [gap for gap in [*gaps, Span(at, size)] if gap.size > 0]
