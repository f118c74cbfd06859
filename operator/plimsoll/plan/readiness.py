"""The truth about a model as conditions: the Ready table of the design, line by line."""

from __future__ import annotations

from collections.abc import Iterator

from plimsoll.api.conditions import ConditionType, Statement
from plimsoll.api.reasons import Reason
from plimsoll.api.rules.rule import find
from plimsoll.plan.defaults import defaults_changed
from plimsoll.plan.finding import Finding
from plimsoll.plan.observed import SourcePending
from plimsoll.plan.situation import Situation
from plimsoll.plan.stages import stage_of
from plimsoll.plan.trouble import find_shortfall, find_trouble


def statements(situation: Situation) -> tuple[Statement, ...]:
    """What holds. Reconciling and Stalled are absent where they do not hold, as kstatus wants it."""
    return (
        *_readiness(situation),
        _available(situation),
        _accepted(situation),
        _name_taken(situation),
        *_degraded(situation),
        *_accelerator(situation),
        *_defaults(situation),
    )


def _readiness(situation: Situation) -> Iterator[Statement]:
    """Ready, and why not: Reconciling while waiting is right, Stalled when somebody has to change something."""
    hindrance = situation.hindrance
    if isinstance(hindrance, SourcePending):
        return _waiting(situation, Reason.SIZING, hindrance.message)
    if hindrance is not None:
        return _stopped(situation, hindrance)
    if situation.is_external or situation.world.replicas == 0:
        return iter([_served(situation)] if situation.target else _on_its_way(situation))
    if situation.serves_target and situation.serving.ready:
        return iter([_served(situation)])
    if situation.trouble is not None:
        return _stopped(situation, situation.trouble)
    return iter(_on_its_way(situation))


def _served(situation: Situation) -> Statement:
    target = situation.target
    assert target is not None
    if target.declared is None:
        provider = f"{find(target.spec, 'external.provider')} ({find(target.spec, 'external.model')})"
        return Statement(ConditionType.READY, "True", Reason.SERVING, f"Calls go through the gateway to {provider}.")
    if situation.world.replicas == 0:
        words = f"{Reason.AT_ZERO.meaning}{_resumes(situation)}"
        return Statement(ConditionType.READY, "True", Reason.AT_ZERO, words)
    profile = situation.current[1].profile if situation.current and situation.current[1] else ""
    words = f"Revision {target.number} serves on the profile {profile}."
    return Statement(ConditionType.READY, "True", Reason.SERVING, words)


def _resumes(situation: Situation) -> str:
    if situation.serves_target or situation.current is None or situation.target is None:
        return ""
    return (
        f" Revision {situation.current[0].number} served last and comes back first; "
        f"revision {situation.target.number} has yet to prove itself."
    )


def _stopped(situation: Situation, finding: Finding) -> Iterator[Statement]:
    words = f"{finding.told}{_meanwhile(situation)}"
    yield Statement(ConditionType.READY, "False", finding.reason, words)
    if not finding.reason.needs_change:
        yield Statement(ConditionType.RECONCILING, "True", finding.reason, words)
        return
    failed = finding is situation.trouble and _other_serves(situation)
    yield Statement(ConditionType.STALLED, "True", Reason.REVISION_FAILED if failed else finding.reason, words)


def _on_its_way(situation: Situation) -> Iterator[Statement]:
    target, awaited = situation.target, situation.awaited
    stage = stage_of(situation.awaited_running.pods)
    if target is None or awaited is None:
        return _waiting(situation, Reason.SIZING, Reason.SIZING.meaning)
    return _waiting(
        situation, stage, f"Revision {target.number} starts on the profile {awaited.profile}: {stage.meaning}"
    )


def _waiting(situation: Situation, stage: Reason, words: str) -> Iterator[Statement]:
    reason = Reason.REVISION_STARTING if _other_serves(situation) else stage
    words = f"{words.rstrip('.')}.{_meanwhile(situation)}"
    yield Statement(ConditionType.READY, "False", reason, words)
    yield Statement(ConditionType.RECONCILING, "True", stage, words)


def _other_serves(situation: Situation) -> bool:
    """Whether callers are served by something else than what the spec wants."""
    wanted = situation.serves_target and situation.intake.obstacle is None
    return situation.is_available and situation.current is not None and not wanted


def _meanwhile(situation: Situation) -> str:
    if not _other_serves(situation) or situation.current is None:
        return ""
    return f" Revision {situation.current[0].number} keeps serving."


def _available(situation: Situation) -> Statement:
    if not situation.is_available:
        # In the words of Ready, which says why nobody can be served.
        why = next(iter(_readiness(situation)))
        return Statement(ConditionType.AVAILABLE, "False", why.reason, why.message)
    if situation.world.replicas == 0 and not situation.is_external:
        return Statement(ConditionType.AVAILABLE, "True", Reason.AT_ZERO, Reason.AT_ZERO.meaning)
    number = situation.current[0].number if situation.current else None
    words = f"Revision {number} takes calls." if number else "Calls are taken."
    return Statement(ConditionType.AVAILABLE, "True", Reason.SERVING, words)


def _accepted(situation: Situation) -> Statement:
    obstacle = situation.intake.obstacle
    if isinstance(obstacle, Finding):
        return Statement(ConditionType.ACCEPTED, "False", obstacle.reason, obstacle.told)
    if obstacle is not None:
        return Statement(ConditionType.ACCEPTED, "Unknown", Reason.SIZING, obstacle.message)
    words = f"The spec is revision {situation.intake.history[-1].number}."
    return Statement(ConditionType.ACCEPTED, "True", Reason.ACCEPTED, words)


def _name_taken(situation: Situation) -> Statement:
    finding = situation.name_taken
    if finding is None:
        return Statement(ConditionType.NAME_TAKEN, "False", Reason.NAMES_FREE, Reason.NAMES_FREE.meaning)
    return Statement(ConditionType.NAME_TAKEN, "True", finding.reason, finding.told)


def _degraded(situation: Situation) -> Iterator[Statement]:
    """Only of what serves: before that, Ready says all there is to say."""
    replicas, serving = situation.world.replicas, situation.serving
    if situation.is_external or not replicas or not situation.is_available:
        return
    if len(serving.ready) >= replicas:
        yield Statement(ConditionType.DEGRADED, "False", Reason.ALL_REPLICAS, Reason.ALL_REPLICAS.meaning)
        return
    trouble = find_shortfall(serving.deployment, serving.pods, situation.world.now)
    words = f"{len(serving.ready)} of {replicas} replicas are ready. {trouble.told if trouble else ''}".strip()
    yield Statement(ConditionType.DEGRADED, "True", Reason.FEWER_REPLICAS, words)


def _accelerator(situation: Situation) -> Iterator[Statement]:
    target = situation.target
    if target is None or target.declared is None or target.fallback is None:
        return
    if not situation.has_fallen_back:
        words = f"The profile is {target.declared.profile}, as declared."
        yield Statement(ConditionType.ACCELERATOR_FALLBACK, "False", Reason.ON_DECLARED_HARDWARE, words)
        return
    declared = situation.declared
    trouble = find_trouble(declared.deployment, declared.pods, situation.world.now)
    seen = trouble.message if trouble else f"a pod on the profile {target.declared.profile} has its place and settles"
    words = f"The profile is {target.fallback.profile} instead of {target.declared.profile}: {seen}"
    finding = Finding(Reason.ACCELERATOR_UNAVAILABLE, words)
    yield Statement(ConditionType.ACCELERATOR_FALLBACK, "True", finding.reason, finding.told)


def _defaults(situation: Situation) -> Iterator[Statement]:
    if situation.intake.obstacle is not None or situation.intake.history[-1].declared is None:
        return
    newest = situation.intake.history[-1]
    changed = defaults_changed(newest, situation.world.config["spec"], situation.world.configuration)
    if changed is None:
        yield Statement(
            ConditionType.DEFAULTS_CHANGED, "False", Reason.DEFAULTS_CURRENT, Reason.DEFAULTS_CURRENT.meaning
        )
    else:
        told = Finding(Reason.DEFAULTS_DIFFER, changed).told
        yield Statement(ConditionType.DEFAULTS_CHANGED, "True", Reason.DEFAULTS_DIFFER, told)
