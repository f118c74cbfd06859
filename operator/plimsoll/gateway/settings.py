"""What `plimsoll gateway` was started with."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from plimsoll.ledger.files import FOLDER

_MIB = 1 << 20


class Auth(StrEnum):
    REQUIRED = "required"
    # Everybody may call everything: for laptops.
    NONE = "none"


class OnRecordsFailure(StrEnum):
    """What becomes of calls while what they use cannot be recorded."""

    REFUSE = "refuse"
    SERVE = "serve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long clients may take, in seconds, and how many they may be. Whoever takes longer is cut off."""

    head: float = 10.0
    # From the head of a request to the end of its body.
    body: float = 30.0
    # While nothing of what waits for the client is read.
    write: float = 30.0
    # Between two requests. Whoever closes first makes the next request of the other one fail.
    idle: float = 75.0
    connections: int = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """After SIGTERM, in seconds."""

    # Calls are still taken: not everybody has heard yet that this gateway is not ready any more.
    goodbye: float = 5.0
    # For what runs then; whatever is left is told that it ends.
    finish: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Whom to follow, and with what."""

    host: str
    port: int
    # The CA that has signed the certificate of the operator, and the token that shows who this gateway is.
    ca: Path
    token: Path
    # Folder with the copy of the routing document, for a start while nobody answers.
    copy: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    # A file, or who says it.
    routing: Path | Operator
    host: str = ""  # every address
    port: int = 8080
    # For those who run it: health, readiness, metrics.
    inner_port: int = 9090
    auth: Auth = Auth.REQUIRED
    records: Path = FOLDER
    on_records_failure: OnRecordsFailure = OnRecordsFailure.REFUSE
    # Longest wait for a limit whose owner lets calls wait.
    patience: float = 90.0
    # Of all bodies that are being read or answered, beyond the first few of each.
    body_bytes: int = 64 * _MIB
    bounds: Bounds = field(default_factory=Bounds)
    drain: Drain = field(default_factory=Drain)
    # Where providers may lie beside public addresses; as in outside.py.
    provider_networks: tuple[str, ...] = ()
