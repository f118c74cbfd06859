"""`plimsoll wait`: until a model is ready, its time is up, or waiting is no use."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from plimsoll.cli.grouping import grouped
from plimsoll.cli.output import Format, FormatOption
from plimsoll.cli.reaching import Name, Object, Reached, Where, asked

if TYPE_CHECKING:
    from plimsoll.cli.answers import WaitAnswer
    from plimsoll.cli.exits import ExitCode

_PAUSE_SECONDS = 1.0
# What these say can be mended outside of the spec a moment ago; the operator looks again every 15 seconds.
_MENDED_OUTSIDE = ("SecretMissing", "SecretNotReleased", "HostNotAllowed", "ClaimMissing", "RightMissing")
_LOOKED_AT_AGAIN_SECONDS = 20.0
_STAGES = {
    "Scheduling": "scheduling",
    "Starting": "scheduling",
    "Unschedulable": "scheduling",
    "QuotaExceeded": "scheduling",
    "Downloading": "weights",
    "DownloadFailed": "weights",
    "Loading": "loading",
    "Proving": "proof",
}


class Awaited(StrEnum):
    """The condition that has to become True."""

    READY = "ready"
    AVAILABLE = "available"


Until = Annotated[Awaited, typer.Option("--for", help="ready: as declared. available: any revision takes calls.")]
Timeout = Annotated[str, typer.Option("--timeout", help="How long at most, such as 30s, 5m or 1h30m.")]


@grouped
def wait(
    where: Where, name: Name, until: Until = Awaited.READY, timeout: Timeout = "5m", output: FormatOption = Format.TABLE
) -> None:
    """Wait until a model is ready, and show how far it is.

    The stages are sizing, scheduling, weights, loading and proof. Exit code 0 when it is ready, 4 when the time is up,
    5 as soon as waiting is no use because somebody has to change something.

    \b
    plimsoll wait chat --timeout 10m
    """
    from plimsoll.cli.output import line, structured, write
    from plimsoll.cli.times import duration

    longest = duration(timeout)
    answer = asked(where, lambda reached: _watch(reached, name, until, longest))
    if output == Format.TABLE:
        line(_sentence(answer, until))
    else:
        write(structured(answer.data(), output))
    if code := _code(answer):
        raise typer.Exit(code)


@dataclass
class _Progress:
    """Each step is told once, and to people only."""

    began: float
    stage: str | None = None
    told: list[str] = field(default_factory=list)

    def tell(self, now: float, text: str) -> None:
        from plimsoll.cli.output import note

        if not self.told or self.told[-1] != text:
            self.told.append(text)
            minutes, seconds = divmod(int(now - self.began), 60)
            note(f"{minutes}:{seconds:02} {text}")


async def _watch(reached: Reached, name: str, until: Awaited, longest: timedelta) -> WaitAnswer:
    import asyncio

    from plimsoll.cluster.errors import Unavailable

    clock = asyncio.get_running_loop().time
    progress = _Progress(clock())
    config: Object = await reached.model_config(name)
    while True:
        outcome, seconds = _outcome(config, until), clock() - progress.began
        over = seconds >= longest.total_seconds()
        if outcome and (over or not _may_be_old_news(config, outcome, seconds)):
            return _answer(config, outcome, progress, clock())
        _report(config, progress, clock())
        if over:
            return _answer(config, "deadline", progress, clock())
        await asyncio.sleep(_PAUSE_SECONDS)
        try:
            # A request that hangs does not move the deadline.
            async with asyncio.timeout(max(progress.began + longest.total_seconds() - clock(), _PAUSE_SECONDS)):
                config = await reached.model_config(name)
        except (Unavailable, TimeoutError):
            progress.tell(clock(), "the cluster does not answer now; still waiting")


def _outcome(config: Object, until: Awaited) -> str | None:
    from plimsoll.cli.getting import condition

    if not is_current(config):
        # Whatever stands there was said about an older spec.
        return None
    wanted = condition(config, until.capitalize()) or {}
    if wanted.get("status") == "True":
        return "met"
    stalled = condition(config, "Stalled") or {}
    return "cannotHeal" if stalled.get("status") == "True" else None


def _may_be_old_news(config: Object, outcome: str, seconds: float) -> bool:
    return outcome == "cannotHeal" and _last(config)[0] in _MENDED_OUTSIDE and seconds < _LOOKED_AT_AGAIN_SECONDS


def is_current(config: Object) -> bool:
    seen = (config.get("status") or {}).get("observedGeneration")
    return seen is not None and seen >= config["metadata"].get("generation", 0)


def _report(config: Object, progress: _Progress, now: float) -> None:
    from plimsoll.cli.getting import condition

    if not is_current(config):
        progress.tell(now, "waiting for the operator to look at it")
        return
    reason, message = _last(config)
    # Until it is accepted the source is still being asked what the model needs.
    accepted = (condition(config, "Accepted") or {}).get("status") == "True"
    progress.stage = _STAGES.get(reason, progress.stage) if accepted else "sizing"
    progress.tell(now, f"{progress.stage or reason}: {message or reason}")


def _last(config: Object) -> tuple[str, str]:
    """What the operator works on; where it does not say, what Ready says."""
    from plimsoll.cli.getting import condition

    found = condition(config, "Stalled") or condition(config, "Reconciling") or condition(config, "Ready") or {}
    return str(found.get("reason", "")), str(found.get("message", ""))


def _answer(config: Object, outcome: str, progress: _Progress, now: float) -> WaitAnswer:
    from plimsoll.cli.answers import WaitAnswer

    reason, message = _last(config) if is_current(config) else ("", "")
    return WaitAnswer(
        namespace=config["metadata"]["namespace"],
        name=config["metadata"]["name"],
        outcome=outcome,
        stage=progress.stage if outcome != "met" else None,
        reason=reason or None,
        message=message or None,
        seconds=round(now - progress.began, 1),
    )


def _sentence(answer: WaitAnswer, until: Awaited) -> str:
    subject = f"{answer.namespace}/{answer.name}"
    why = f": {answer.message}" if answer.message else ""
    if answer.outcome == "met":
        return f"{subject} is {until} after {answer.seconds:.0f} s{why}"
    if answer.outcome == "cannotHeal":
        return f"{subject} will not get there by waiting{why}"
    if answer.reason is None:
        return f"{subject}: the time is up, and no operator has looked at the newest spec; is one running?"
    return f"{subject}: the time is up after {answer.seconds:.0f} s, at {answer.stage or answer.reason}{why}"


def _code(answer: WaitAnswer) -> ExitCode:
    from plimsoll.cli.exits import ExitCode

    codes = {"met": ExitCode.DONE, "cannotHeal": ExitCode.CANNOT_HEAL}
    return codes.get(answer.outcome, ExitCode.DEADLINE)
