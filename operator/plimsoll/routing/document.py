"""The routing document: all that a gateway has to know to serve, with every default and limit resolved."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from plimsoll.routing.entry import Entry, Secret
from plimsoll.routing.limits import NO_LIMITS, Limits
from plimsoll.routing.policy import Generation, Prompt

# A field that is added, a default that changes, a meaning that moves: each raises it, because a gateway refuses what is
# newer than itself, and what has its default is not written.
SCHEMA = 1

OnDisconnect = Literal["cancel", "drain"]


class Version(Entry, frozen=True, kw_only=True, order=True):
    """Which of two documents is the newer one: first by who led, then by what they said."""

    # How often the lease of the operator has changed hands.
    epoch: int
    sequence: int

    def next(self) -> Version:
        return Version(epoch=self.epoch, sequence=self.sequence + 1)


class Endpoint(Entry, frozen=True, kw_only=True):
    """A pod that takes calls."""

    name: str
    address: str  # host:port
    # It finishes what it has and gets nothing new.
    draining: bool = False


class Hosted(Entry, frozen=True, kw_only=True, tag="hosted", tag_field="kind"):
    endpoints: tuple[Endpoint, ...] = ()
    # host:port of the model's Service, for when no pod is known or every known one fails.
    service: str


class Provider(Entry, frozen=True, kw_only=True, tag="provider", tag_field="kind"):
    base_url: str
    credential: Secret | None = None


class Timeouts(Entry, frozen=True, kw_only=True):
    """In seconds."""

    connect: float
    first_byte: float
    # Between two events of a stream.
    idle: float
    # Of a call that is not a stream, with its retries.
    total: float


class Served(Entry, frozen=True, kw_only=True, tag="served", tag_field="state"):
    """What takes the calls, and with which policy: both of the revision that serves, not of the newest spec."""

    revision: int
    backend: str  # llamacpp, vllm, openai, openai-compatible
    # What the model is called there.
    target: str
    upstream: Hosted | Provider
    # Tokens of one request, prompt and answer together; None where only the provider knows.
    context: int | None = None
    # Requests that one endpoint answers at the same time; None where only the provider knows.
    parallel: int | None = None
    generation: Generation = Generation()
    prompt: Prompt | None = None
    limits: Limits = NO_LIMITS
    on_disconnect: OnDisconnect
    timeouts: Timeouts


class Down(Entry, frozen=True, kw_only=True, tag="down", tag_field="state"):
    """The words of the condition that says why the model takes no calls."""

    reason: str
    message: str


class Access(Entry, frozen=True, kw_only=True):
    """Whose keys may call a model: those of every namespace, or of these."""

    everyone: bool = False
    namespaces: tuple[str, ...] = ()

    def admits(self, namespace: str) -> bool:
        return self.everyone or namespace in self.namespaces


class Model(Entry, frozen=True, kw_only=True):
    namespace: str
    name: str
    access: Access
    state: Served | Down

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"


class Key(Entry, frozen=True, kw_only=True):
    """A ModelKey, under one of its hashes: while it is rotated it stands in the document twice."""

    name: str
    namespace: str
    team: str
    # As namespace/name, with * for any run of characters but a slash.
    models: tuple[str, ...]
    limits: Limits = NO_LIMITS
    expires_at: int | None = None  # seconds since 1970, UTC
    suspended: bool = False
    # When a hash that was replaced stops to work; in seconds since 1970, UTC.
    valid_until: int | None = None

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"


class Document(Entry, frozen=True, kw_only=True, tag="document", tag_field="message"):
    schema: Annotated[int, Meta(ge=1)]
    version: Version
    # How many gateways there are: each enforces so large a part of every limit.
    gateways: int = 1
    models: dict[str, Model]  # by namespace/name
    keys: dict[str, Key]  # by the SHA-256 of the key, in hexadecimal digits
    teams: dict[str, Limits]  # by team; one without limits need not be here
