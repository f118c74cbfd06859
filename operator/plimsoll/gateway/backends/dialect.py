"""What differs between the backends: one value for each, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from plimsoll.cost.record import CountSource, Operation

# A parameter by its name in api/generation.py, and the words that the backend reads for it, its favourite first.
Parameters = Mapping[str, tuple[str, ...]]

PATHS: Mapping[Operation, str] = {
    "chat": "/chat/completions",
    "completion": "/completions",
    "embedding": "/embeddings",
}
# What all of them have under OpenAI's names.
COMMON: Parameters = {
    "temperature": ("temperature",),
    "topP": ("top_p",),
    "frequencyPenalty": ("frequency_penalty",),
    "presencePenalty": ("presence_penalty",),
    "seed": ("seed",),
    "stop": ("stop",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    name: str
    # Before the path of an operation; the address of a provider has its own.
    prefix: str
    chat: Parameters
    completion: Parameters
    # What a request leaves out may get a value that came with the model, instead of what OpenAI's reference says.
    own_defaults: bool = False
    # What is always asked for in a stream, whoever wants to see it.
    stream_options: Mapping[str, bool] = field(default_factory=lambda: {"include_usage": True})
    # Every event of a stream says what was used so far, so that the count at a cut is exact.
    running_usage: bool = False
    # It says what was used also of an answer in one piece that was cut, to whoever asks for that.
    last_word: bool = False
    # Whose word its usage is.
    source: CountSource
    request_id_header: str = "x-request-id"

    def path(self, operation: Operation) -> str:
        return self.prefix + PATHS[operation]

    def words(self, operation: Operation, parameter: str) -> tuple[str, ...]:
        """None where the backend has no such parameter."""
        known = self.chat if operation == "chat" else self.completion
        return known.get(parameter, ())

    def headers(self, request: str, credential: str | None) -> dict[str, str]:
        """All that are sent: nothing of what a client puts into headers of his own goes on."""
        made = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            # Nothing is unpacked on the way, so that an event goes on as soon as it comes.
            "accept-encoding": "identity",
            "user-agent": "plimsoll",
            self.request_id_header: request,
        }
        if self.last_word:
            made["x-plimsoll-last-word"] = "usage"
        return made if credential is None else {**made, "authorization": f"Bearer {credential}"}
