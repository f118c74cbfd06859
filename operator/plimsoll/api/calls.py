"""spec.calls: how long a call may take, and what becomes of one whose client went away."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from plimsoll.api.contract import Contract, Duration

DEFAULT_FIRST_BYTE = "30s"
DEFAULT_IDLE = "30s"
DEFAULT_TOTAL = "30s"
SHORTEST_TIMEOUT, LONGEST_TIMEOUT = "1s", "1h"


class Timeouts(Contract):
    first_byte: Duration | None = Field(
        default=None,
        description=f"Until a stream brings its first token; up to {LONGEST_TIMEOUT}. Default: {DEFAULT_FIRST_BYTE}.",
    )
    idle: Duration | None = Field(
        default=None,
        description=f"Between two events of a stream; up to {LONGEST_TIMEOUT}. Default: {DEFAULT_IDLE}.",
    )
    total: Duration | None = Field(
        default=None,
        description=f"Of a call that is not a stream, with what is tried again; up to {LONGEST_TIMEOUT}. "
        f"Default: {DEFAULT_TOTAL}.",
    )


class Calls(Contract):
    timeouts: Timeouts | None = Field(
        default=None, description="How long each part of a call may take. Default: as named there."
    )
    on_disconnect: Literal["Cancel", "Drain"] | None = Field(
        default=None,
        description="When the client is gone: Cancel frees the backend, Drain reads on for the exact count. "
        "Default: Cancel for a model that runs here, Drain for a provider.",
    )
