"""What the served revision does to requests: the range of their parameters, and the prompt around them."""

from __future__ import annotations

from msgspec import field

from plimsoll.routing.entry import Entry

# By their names in api/generation.py; each backend has its own words for them.
Value = int | float | tuple[str, ...]


class Generation(Entry, frozen=True, kw_only=True):
    defaults: dict[str, Value] = field(default_factory=dict)
    minimum: dict[str, int | float] = field(default_factory=dict)
    maximum: dict[str, int | float] = field(default_factory=dict)
    locked: tuple[str, ...] = ()


class Example(Entry, frozen=True, kw_only=True):
    user: str
    answer: str


class Prompt(Entry, frozen=True, kw_only=True):
    """The active role."""

    role: str
    lock_system: bool = False
    system: str | None = None
    # With {system} and {user} in it, and each brace that is meant as one written twice.
    frame: str | None = None
    answer_prefix: str
    examples: tuple[Example, ...] = ()
