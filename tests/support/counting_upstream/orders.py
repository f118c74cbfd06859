"""What a test tells the process of an upstream, one line each."""

from __future__ import annotations

from msgspec import Struct

from tests.support.counting_upstream.script import Script


class Tell(Struct, frozen=True, tag="tell"):
    """Requests of this case are answered with these, one after the other, and all that follow with the last."""

    case: str
    scripts: tuple[Script, ...]


class Let(Struct, frozen=True, tag="let"):
    signal: str


class Doors(Struct, frozen=True, tag="doors"):
    """Whether connections are taken at all."""

    open: bool


Order = Tell | Let | Doors
