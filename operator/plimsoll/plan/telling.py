"""Events: what changed in this pass, for people who watch. What merely is stands in the status."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from plimsoll.api.conditions import ConditionType
from plimsoll.api.reasons import Reason
from plimsoll.api.rules.rule import find
from plimsoll.plan.difference import carries_intent
from plimsoll.plan.observed import Object
from plimsoll.plan.plan import Apply, Event
from plimsoll.plan.situation import Situation

_REASONS = {each.value: each for each in Reason}


def events(situation: Situation, status: Object, written: Iterable[Apply]) -> tuple[Event, ...]:
    before = situation.world.config.get("status") or {}
    return (
        *_accepted(situation),
        *_restored(situation, before, written),
        *_transitions(before, status),
    )


def _accepted(situation: Situation) -> Iterator[Event]:
    new = situation.intake.new
    if new is not None and new in situation.intake.history[-1:]:
        by = f" by {new.author}" if new.author else ""
        git = f" from commit {new.git_revision}" if new.git_revision else ""
        yield Event("Normal", Reason.ACCEPTED, f"The spec is revision {new.number}{by}{git}.")


def _restored(situation: Situation, before: Object, written: Iterable[Apply]) -> Iterator[Event]:
    """An object that was complete once, as the status or its own intent shows, and is not any more."""
    world, was_complete = situation.world, "url" in before
    for apply in written:
        kind, name = apply.object["kind"], apply.object["metadata"]["name"]
        live = world.children.get((kind, name))
        if live is not None and carries_intent(live, apply.object):
            yield Event("Normal", Reason.RESTORED, f"{kind} {name} was changed by hand and is put right.")
        elif live is None and was_complete and (name == world.name or _is_serving(situation, name)):
            yield Event("Normal", Reason.RESTORED, f"{kind} {name} was deleted and is made again.")


def _is_serving(situation: Situation, name: str) -> bool:
    return bool(situation.world.serving) and name == f"{situation.world.name}-{situation.world.serving}"


def _transitions(before: Object, after: Object) -> Iterator[Event]:
    was, now = (_said(each, ConditionType.READY) for each in (before, after))
    # The stages on the way stand in the status; an Event each would be a third of all writes for a new model.
    if now["reason"] != was.get("reason") and (now["status"] == "True" or _REASONS[now["reason"]].fix):
        yield _event(now)
    was, now = (_said(each, ConditionType.ACCELERATOR_FALLBACK) for each in (before, after))
    if (was.get("status") == "True") != (now.get("status") == "True") and now:
        yield _event(now)


def _event(condition: Object) -> Event:
    reason = _REASONS[condition["reason"]]
    # A reason that comes with a fix is one that somebody should look at.
    return Event("Warning" if reason.fix else "Normal", reason, condition["message"])


def _said(status: Object, kind: ConditionType) -> Object:
    conditions: list[Object] = find(status, "conditions") or []
    return next((each for each in conditions if each.get("type") == kind.value), {})
