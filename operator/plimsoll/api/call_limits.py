"""How much may be called: the same limits for a model, a key and a team."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from plimsoll.api.contract import Contract, Duration

# As the API server writes it: the longest number that every JSON reader keeps.
_MOST = 2**53
DEFAULT_QUEUE = 100
SHORTEST_WINDOW, LONGEST_WINDOW = "1s", "1h"


class CallLimits(Contract):
    requests: int | None = Field(
        default=None, description="Most requests in a window. Without it any number.", ge=1, le=_MOST
    )
    tokens: int | None = Field(
        default=None,
        description="Most tokens in a window, prompts and answers together. Without it any number.",
        ge=1,
        le=_MOST,
    )
    window: Duration = Field(
        default="1m", description="Length of the window that slides over requests and tokens; up to 1h."
    )
    concurrency: int | None = Field(
        default=None,
        description="Most requests at the same time. Without it any number.",
        ge=1,
        le=1_000_000,
    )
    when_full: Literal["Refuse", "Wait"] = Field(
        default="Refuse",
        description="A request over a limit: Refuse answers 429, Wait lets it stand in line.",
    )
    queue: int | None = Field(
        default=None,
        description=f"Most requests in that line. Default: {DEFAULT_QUEUE}.",
        ge=1,
        le=100_000,
    )
