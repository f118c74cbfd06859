"""What a proxy does to chosen calls instead of passing them on in peace."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from tests.support.api_calls import Call, Which

When = Literal["before", "after"]


@dataclass(frozen=True)
class Answer:
    """The proxy answers in the server's place, as the server would."""

    status: int
    retry_after: int | None = None
    message: str = "the test says so"

    @property
    def reason(self) -> str:
        return _REASONS.get(self.status, "")


_REASONS = {
    403: "Forbidden",
    409: "Conflict",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


@dataclass(frozen=True)
class Delay:
    seconds: float


@dataclass(frozen=True)
class Reset:
    """The connection breaks."""


@dataclass(frozen=True)
class Hang:
    """No answer comes, until the proxy ends."""


@dataclass(frozen=True)
class Strike:
    """Something happens at this very moment, and no other call passes until it is over.

    Afterwards the connection breaks: whoever called is thought to be dead. With `goes_on` the call goes on instead.
    """

    do: Callable[[], object]
    goes_on: bool = False


What = Answer | Delay | Reset | Hang | Strike


@dataclass
class Fault:
    """`before`: the server never sees the call. `after`: the server has done it, and the caller does not learn so."""

    which: Which
    what: What
    when: When = "before"
    times: int | None = 1  # None: until it is taken away
    hits: int = 0
    spent: threading.Event = field(default_factory=threading.Event, repr=False)


class Faults:
    """Those of one proxy. Tests add and take away, the proxy asks; they live in different threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        with self._lock:
            self._faults = [each for each in self._faults if each is not fault]

    @contextmanager
    def during(self, which: Which, what: What, when: When = "before") -> Iterator[Fault]:
        """From here to the end of the block, however often."""
        fault = self.add(Fault(which, what, when, times=None))
        try:
            yield fault
        finally:
            self.remove(fault)

    def take(self, call: Call, when: When) -> What | None:
        """What hits this call; the fault that was added first wins."""
        with self._lock:
            for fault in self._faults:
                if fault.when == when and fault.hits != fault.times and fault.which(call):
                    fault.hits += 1
                    if fault.hits == fault.times:
                        fault.spent.set()
                    return fault.what
        return None
