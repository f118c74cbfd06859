"""What becomes of a spec: it is a revision already, it becomes one now, or somebody is told why not yet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from plimsoll.api import names
from plimsoll.api.configuration import OperatorConfiguration
from plimsoll.api.normal import behaviour_hash
from plimsoll.api.reasons import Reason
from plimsoll.api.rules.rule import find
from plimsoll.plan import history
from plimsoll.plan.acceptance import AcceptanceRequest, accept
from plimsoll.plan.finding import Finding
from plimsoll.plan.inspecting import only_a_pod_sees
from plimsoll.plan.observed import Object, Observed, SourceFacts, SourcePending
from plimsoll.plan.revision import Revision

_SHOWN = 5
_KNOWN_WITHOUT_WEIGHTS = (Reason.PROFILE_UNKNOWN, Reason.PROFILE_UNSUITABLE, Reason.IMAGE_UNKNOWN)
_UNKNOWN = "The header of the weights has not been read yet"


@dataclass(frozen=True, slots=True)
class Intake:
    # With the new one, the newest last.
    history: tuple[Revision, ...]
    new: Revision | None = None
    # Why the newest revision does not say what the spec says.
    obstacle: Finding | SourcePending | None = None
    # Whether a pod has to look at the weights first.
    inspect: bool = False

    @property
    def is_invalid(self) -> bool:
        return isinstance(self.obstacle, Finding) and self.obstacle.reason is Reason.INVALID_SPEC


def take_in(observed: Observed, configuration: OperatorConfiguration, now: datetime) -> Intake:
    spec = observed.config["spec"]
    known = history.read_history(observed.config, observed.revisions)
    is_recorded = history.is_recorded(spec, known)
    judge = history.problems_beside_revisions if is_recorded else history.problems_of
    if problems := judge(observed.config):
        words = "; ".join(f"{each.field}: {each.message}" for each in problems[:_SHOWN])
        return Intake(known, obstacle=Finding(Reason.INVALID_SPEC, words))
    if is_recorded:
        return Intake(known)
    if known and behaviour_hash(spec) == known[-1].behaviour:
        return Intake(known)
    number = history.next_number(observed.config, observed.revisions)
    request = AcceptanceRequest(observed.config, number, None, known, now.replace(microsecond=0), observed.cached)
    result = accept(request, configuration)
    if isinstance(result, Finding) and result.reason in _KNOWN_WITHOUT_WEIGHTS:
        # The user need not wait for the source to hear of this, and no pod has to look at the weights for it.
        return Intake(known, obstacle=result)
    if "source" in spec and not history.is_inherited(spec, known):
        answer = observed.missing[0] if observed.missing else observed.source
        if isinstance(answer, SourceFacts):
            result = accept(replace(request, facts=answer), configuration)
        elif not _is_sized_by_hand(spec, answer):
            inspect = only_a_pod_sees(observed.config) and not observed.missing
            return Intake(known, obstacle=answer or SourcePending(_UNKNOWN), inspect=inspect)
    return Intake(known, obstacle=result) if isinstance(result, Finding) else _unless_refused(observed, known, result)


def _is_sized_by_hand(spec: Object, answer: object) -> bool:
    """Whoever says how much memory the model may have can run what the operator cannot size."""
    unsizable = isinstance(answer, Finding) and answer.reason is Reason.MODEL_UNSUPPORTED
    return unsizable and find(spec, "resources.limits.memory") is not None


def _unless_refused(observed: Observed, known: tuple[Revision, ...], new: Revision) -> Intake:
    """A revision that cannot be kept is none: nothing may run that nobody could go back to."""
    slot = (history.KIND, names.revision_name(observed.key.name, new.number))
    if slot in observed.taken:
        return Intake(known, obstacle=Finding(Reason.NAME_TAKEN, f"{' '.join(slot)} belongs to somebody else"))
    if words := observed.refused.get(slot):
        # It is tried again with every pass, but nothing is built on it.
        return Intake(known, new=new, obstacle=Finding(Reason.ADMISSION_REFUSED, f"{' '.join(slot)}: {words}"))
    return Intake((*known, new), new=new)
