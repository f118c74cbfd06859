"""The seats that one request takes in the engine: when its body has come, until a job has each of them."""

from __future__ import annotations

from typing import Self

from plimsoll.runtime.http.errors import bad_field, ending, waiting_room_full
from plimsoll.runtime.http.ports import Engine
from plimsoll.runtime.requests import Job
from plimsoll.runtime.waiting import Busy, Draining


def check_room(engine: Engine) -> None:
    """Whoever has no chance of a seat is told before he sends his body."""
    try:
        engine.room.check(1)
    except Busy as busy:
        raise waiting_room_full(busy.retry_after) from None


class Seats:
    """Those that no job has taken over are free again at the end of the block."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._room = engine.room
        self._held = 0

    def take(self, count: int) -> None:
        """So many in all."""
        most = self._room.slots + self._room.seats
        if count > most:
            raise bad_field("n", f"prompts times n are {count} answers at once, and this engine has room for {most}")
        try:
            self._room.take(count - self._held)
        except Busy as busy:
            raise waiting_room_full(busy.retry_after) from None
        self._held = count

    def submit(self, job: Job) -> None:
        """With one of the seats, or a further one when all of them are used; `leave` has to follow the job's end."""
        self.take(max(1, self._held))
        try:
            self._engine.submit(job)
        except Busy as busy:
            raise waiting_room_full(busy.retry_after) from None
        except Draining:
            raise ending() from None
        self._held -= 1

    def leave(self) -> None:
        """The job that took a seat over has ended."""
        self._room.give_back(1)

    def __enter__(self) -> Self:
        self.take(1)
        return self

    def __exit__(self, *_: object) -> None:
        self._room.give_back(self._held)
        self._held = 0
