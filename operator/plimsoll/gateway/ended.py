"""What became of a request, as its log line and its metrics tell it: names and numbers, no word of what was said."""

from __future__ import annotations

from msgspec import Struct

from plimsoll.cost.record import CountSource, Outcome, Record, Tokens

# Where a request never came as far as to have one.
NONE = "none"
CANCELLED = "cancelled"


class LogLine(Struct, kw_only=True, omit_defaults=True):
    """What there is not is left out of it."""

    request: str
    operation: str
    method: str
    status: int | None = None
    seconds: float
    error: str | None = None
    cancelled: bool = False
    drained: bool = False
    model: str | None = None
    revision: int | None = None
    team: str | None = None
    key: str | None = None
    streamed: bool = False
    waited_seconds: float | None = None
    attempts: int | None = None
    outcome: Outcome | None = None
    endpoint: str | None = None
    first_token_seconds: float | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    counted_by: CountSource | None = None


class Ended(Struct, kw_only=True):
    request: str
    operation: str
    method: str
    status: int  # 0: the client left before an answer began
    error: str | None  # the code of the error that was told, also at the end of a stream
    seconds: float
    # Since its body was there; what it waited for limits is in it.
    inside_seconds: float = 0.0
    waited_seconds: float = 0.0
    # The client did not wait for the end.
    cancelled: bool = False
    drained: bool = False
    streamed: bool = False
    model: str = NONE
    revision: int | None = None
    team: str = NONE
    key: str = ""
    records: tuple[Record, ...] = ()

    @property
    def code(self) -> str:
        """The class of the status that the client would have seen, had it come at the end."""
        if self.cancelled:
            return CANCELLED
        return "5xx" if self.error and self.status < 400 else f"{self.status // 100}xx"

    @property
    def tokens(self) -> Tokens:
        if len(self.records) == 1:
            return self.records[0].tokens
        return sum((each.tokens for each in self.records), Tokens())

    @property
    def first_token_seconds(self) -> float | None:
        """The last attempt ends when the call does, so what came before it is what is left."""
        last = self._last
        if last is None or last.first_token_seconds is None:
            return None
        return max(0.0, self.seconds - last.seconds) + last.first_token_seconds

    @property
    def each_token_seconds(self) -> float | None:
        last = self._last
        more = 0 if last is None else last.tokens.completion - 1
        if last is None or last.first_token_seconds is None or more <= 0 or last.outcome is not Outcome.OK:
            return None
        return (last.seconds - last.first_token_seconds) / more

    @property
    def overhead_seconds(self) -> float | None:
        """A stream takes as long as its backend speaks and its client listens, and neither is ours."""
        if self.streamed or not self.records or self.cancelled:
            return None
        upstream = sum(each.seconds for each in self.records)
        return max(0.0, self.inside_seconds - self.waited_seconds - upstream)

    @property
    def _last(self) -> Record | None:
        return self.records[-1] if self.records else None

    def line(self) -> LogLine:
        last, tokens, first = self._last, self.tokens, self.first_token_seconds
        return LogLine(
            request=self.request,
            operation=self.operation,
            method=self.method,
            status=self.status or None,
            seconds=round(self.seconds, 4),
            error=self.error,
            cancelled=self.cancelled,
            drained=self.drained,
            model=None if self.model == NONE else self.model,
            revision=self.revision,
            team=None if self.team == NONE else self.team,
            key=self.key or None,
            streamed=self.streamed,
            waited_seconds=round(self.waited_seconds, 4) or None,
            attempts=len(self.records) or None,
            outcome=None if last is None else last.outcome,
            endpoint=None if last is None else last.endpoint,
            first_token_seconds=None if first is None else round(first, 4),
            prompt_tokens=None if last is None else tokens.prompt,
            cached_tokens=None if last is None else tokens.input_cached,
            completion_tokens=None if last is None else tokens.completion,
            counted_by=None if last is None else last.source,
        )
