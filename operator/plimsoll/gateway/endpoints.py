"""Who may be called for one model, and how each of them is: how busy, how sick, and until when it is left alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from plimsoll.routing.document import Endpoint, Provider

_HTTP = "http://"
# So many answers of a backend in a row that say it is broken; one may be the fault of the request.
_SICK_IN_A_ROW = 3
_FIRST_SECONDS, _LONGEST_SECONDS = 1.0, 30.0


class Harm(StrEnum):
    """What a failure says about who was called."""

    NONE = "none"
    # It has too much to do, and says for how long.
    BUSY = "busy"
    # It answers, and wrongly.
    SICK = "sick"
    # It does not answer, or takes nothing.
    DOWN = "down"


@dataclass(slots=True, eq=False)
class Target:
    """Times are seconds of time.monotonic."""

    name: str  # as records have it
    # Before the path of an operation. Neither this nor the credential is for any log.
    base: str = field(repr=False)
    credential: str | None = field(default=None, repr=False)
    # Where it can be asked how it is; None where nobody but a real call finds out.
    health: str | None = None
    draining: bool = False
    # Of a provider: its address was chosen by whoever may write a ModelConfig.
    outside: bool = False
    outstanding: int = 0
    # In what order they were called, so that those that are equally busy take turns.
    turn: int = 0
    # When it last said anything, and when it was given something to do while it had nothing.
    heard: float = 0.0
    begun: float = 0.0
    away_until: float = 0.0
    busy_until: float = 0.0
    sick: int = 0
    sent_away: bool = False
    # In a row, without an answer between them.
    times_away: int = 0

    def free(self, now: float) -> bool:
        return not self.draining and now >= self.busy_until and not self.away(now)

    def away(self, now: float) -> bool:
        """Who can be asked how it is comes back when it says that it is well, others when their time is over."""
        return self.sent_away and (self.health is not None or now < self.away_until)

    def begin(self, now: float) -> None:
        if not self.outstanding:
            self.begun = now
        self.outstanding += 1

    def well(self, now: float) -> None:
        """It has answered."""
        self.back(now)
        self.times_away = 0

    def back(self, now: float) -> None:
        """It says that it is well, which a call has still to show: the next wrong answer sends it away for longer."""
        self.heard = now
        self.sent_away = False
        self.sick = 0
        self.away_until = 0.0

    def harmed(self, harm: Harm, now: float, pause: float) -> bool:
        """True when it is sent away by this."""
        if harm is Harm.BUSY:
            self.busy_until = max(self.busy_until, now + pause)
        if harm is Harm.SICK:
            self.sick += 1
        if harm is Harm.DOWN or self.sick >= _SICK_IN_A_ROW or (self.sick and self.times_away):
            return self._send_away(now)
        return False

    def _send_away(self, now: float) -> bool:
        if now < self.away_until:
            return False
        self.sick = 0
        self.sent_away = True
        self.times_away += 1
        self.away_until = now + min(_LONGEST_SECONDS, _FIRST_SECONDS * 2 ** (min(self.times_away, 10) - 1))
        return True


def pod(endpoint: Endpoint) -> Target:
    base = _HTTP + endpoint.address
    return Target(endpoint.name, base, health=f"{base}/health", draining=endpoint.draining)


def service(address: str) -> Target:
    return Target(address, _HTTP + address)


def provider(upstream: Provider) -> Target:
    """Its host is what records call it: the rest of an address may hold what is nobody's business."""
    base = upstream.base_url.rstrip("/")
    host = base.partition("://")[2].partition("/")[0].rpartition("@")[2]
    credential = None if upstream.credential is None else upstream.credential.value
    return Target(host, base, credential, outside=True)
