"""The heart of the operator: from what is to what has to be done. No clock, no network, no memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from plimsoll.api.configuration import OperatorConfiguration
from plimsoll.api.reasons import Reason
from plimsoll.api.rules.rule import find
from plimsoll.plan.engine import PORT
from plimsoll.plan.finding import Finding
from plimsoll.plan.observed import Observed
from plimsoll.plan.plan import Plan, ProofRequest
from plimsoll.plan.reporting import report
from plimsoll.plan.situation import Situation, consider
from plimsoll.plan.telling import events
from plimsoll.plan.trouble import may_change_after
from plimsoll.plan.world import soonest
from plimsoll.plan.writing import applies, deletes, look_again_after

# No event tells that these are over.
_SILENT = (Reason.NAME_TAKEN, Reason.ADMISSION_REFUSED)
_LOOK_AGAIN = timedelta(seconds=15)


def make_plan(observed: Observed, configuration: OperatorConfiguration, now: datetime) -> Plan:
    if "deletionTimestamp" in observed.config["metadata"]:
        # The garbage collector takes the children away; whoever writes now would only be in its way.
        return Plan()
    situation = consider(observed, configuration, now)
    status = report(situation)
    written = applies(situation)
    return Plan(
        apply=written,
        delete=deletes(situation),
        status=status if status != observed.config.get("status") else None,
        events=events(situation, status, written),
        prove=tuple(_proofs(situation)),
        again_after=_again_after(situation),
    )


def _proofs(situation: Situation) -> Iterator[ProofRequest]:
    """Who is to take calls and does not yet is asked for one answer first."""
    world = situation.world
    if world.configuration.proof == "ready" or not world.replicas:
        return
    candidates = {
        run.short: run.revision for run in situation.lineup.runs if run.replicas and run.short != world.serving
    }
    for short, revision in sorted(candidates.items()):
        embeds = find(revision.spec, "engine.options.mode") == "embed"
        for pod in world.running_as(short).ready:
            address = find(pod, "status.podIP")
            if world.proof_of(pod) is None and address:
                yield ProofRequest(pod["metadata"]["uid"], address, PORT, embeds)


def _again_after(situation: Situation) -> timedelta | None:
    world, hindrance = situation.world, situation.hindrance
    silent = isinstance(hindrance, Finding) and hindrance.reason in _SILENT
    return soonest(
        situation.hardware.again_after,
        situation.lineup.again_after,
        look_again_after(situation),
        may_change_after((*situation.awaited_running.pods, *situation.serving.pods), world.now),
        _LOOK_AGAIN if silent else None,
    )
