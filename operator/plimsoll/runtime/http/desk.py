"""What every path has at hand: the state of the process, clocks, and who hears of answers that have ended."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from plimsoll.runtime.http.answers import Answer, Answers
from plimsoll.runtime.http.errors import ApiError, unknown_fields
from plimsoll.runtime.http.exchange import Exchange
from plimsoll.runtime.http.fields import Fields, shortened
from plimsoll.runtime.http.intake import Intake
from plimsoll.runtime.http.ports import Loaded
from plimsoll.runtime.http.seats import Seats, check_room
from plimsoll.runtime.http.state import State
from plimsoll.runtime.settings import Mode

IGNORED = b"x-plimsoll-ignored"


def random_id() -> str:
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Desk:
    state: State
    answered: Callable[[Answer], None]
    metrics: Callable[[], tuple[bytes, bytes]]  # their content type and their text
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    new_id: Callable[[], str] = random_id
    intake: Intake = field(default_factory=Intake)

    async def received(self, exchange: Exchange, mode: Mode | None = None) -> tuple[Loaded, bytes]:
        """A body that has come whole, and what it can be answered with. No seat is taken while it comes."""
        check_room(self.state.usable(mode).engine)
        body = await exchange.body(self.intake)
        # The engine may have begun to end meanwhile.
        return self.state.usable(mode), body

    def answers(self, seats: Seats) -> Answers:
        """For one request; every answer that ends frees its seat."""

        def ended(answer: Answer) -> None:
            seats.leave()
            self.answered(answer)

        return Answers(self.clock, ended)

    def check_model(self, fields: Fields) -> None:
        """Whoever asks for another model has come to the wrong engine."""
        name, own = fields.text("model", 1024), self.state.settings.alias
        if name not in (None, own):
            raise no_such_model(name or "", own)

    def check_left(self, fields: Fields, exchange: Exchange) -> None:
        """After everything that is known was taken: nothing is ignored in silence."""
        strict = fields.flag("strict")
        left = fields.left()
        if not left:
            return
        if self.state.settings.strict if strict is None else strict:
            raise unknown_fields(left)
        told = ", ".join(left).encode("ascii", "backslashreplace")
        exchange.extra_headers.append((IGNORED, bytes(each if 32 <= each < 127 else ord("?") for each in told)))


def no_such_model(name: str, own: str) -> ApiError:
    message = f'there is no model "{shortened(name)}" here; this engine serves "{own}"'
    return ApiError(404, message, param="model", code="model_not_found")
