"""The tree of `plimsoll status`, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from plimsoll.cli.output import colour_of, note, tree
from plimsoll.cli.times import age

if TYPE_CHECKING:
    from plimsoll.cli.answers import ConditionAnswer, PodAnswer, RevisionStateAnswer, StatusAnswer, WorkloadAnswer
    from plimsoll.cli.output import Branch

# They say at most what Ready says already, or that all is as usual.
_USUAL = {("Available", "True"), ("Accepted", "True"), ("Degraded", "False"), ("AcceleratorFallback", "False")}
_USUAL |= {("DefaultsChanged", "False"), ("NameTaken", "False")}
_SAID_BY_READY = ("Reconciling", "Stalled")


def draw(answer: StatusAnswer, now: datetime) -> None:
    said = [each.message for each in answer.conditions]
    branches = [*_facts(answer), *(_revision(each, now, said) for each in answer.revisions)]
    tree(((f"{answer.namespace}/{answer.name}", "bold"), branches))
    if answer.example and any((each.type, each.status) == ("Available", "True") for each in answer.conditions):
        # Not in the tree, which breaks lines and so could not be copied.
        note("Call it, with a key in PLIMSOLL_API_KEY:")
        note(answer.example)


def _facts(answer: StatusAnswer) -> Iterator[Branch]:
    if not answer.conditions:
        yield ("the operator has not looked at it yet: is it running?", "yellow"), []
    elif not answer.current:
        yield ("the operator has not looked at the newest edit yet", "yellow"), []
    said = set()
    for each in answer.conditions:
        usual = (each.type, each.status) in _USUAL or each.type in _SAID_BY_READY
        if not usual and each.message not in said:
            said.add(each.message)
            yield _condition(each)
    for name, what in (("model", answer.model), ("url", answer.url)):
        if what:
            yield (f"{name}: {what}", ""), []


def _condition(condition: ConditionAnswer) -> Branch:
    style = colour_of(condition.status) if condition.type == "Ready" else "yellow"
    title = f"{condition.type} {condition.status}: {condition.reason}"
    return (title, style), [((condition.message, ""), [])] if condition.message else []


def _revision(revision: RevisionStateAnswer, now: datetime, said: Sequence[str]) -> Branch:
    if revision.number is None:
        title = "a revision that is not in the history any more"
    else:
        marks = (("serves", revision.serving), ("newest", revision.newest), ("pinned", revision.pinned))
        told = [word for word, holds in marks if holds] + [f"accepted {age(revision.accepted_at, now)} ago"]
        told += [f"by {revision.author}"] if revision.author else []
        told += [f"from commit {revision.git_revision[:12]}"] if revision.git_revision else []
        title = f"revision {revision.number}: {', '.join(told)}"
    return (title, "green" if revision.serving else ""), [_workload(each, said) for each in revision.workloads]


def _workload(workload: WorkloadAnswer, said: Sequence[str]) -> Branch:
    told = [f"{workload.ready_replicas}/{workload.replicas} ready"]
    told += [f"on {workload.hardware}{' (fallback)' if workload.fallback else ''}"] if workload.hardware else []
    told += ["serves"] if workload.serving else []
    branches = [_pod(pod, said) for pod in workload.pods]
    if workload.trouble and not workload.pods:
        trouble = workload.trouble
        branches.append(((f"{trouble.reason}: {trouble.message.rstrip('.')}. {trouble.fix}", "red"), []))
    return (f"{workload.name}: {', '.join(told)}", "green" if workload.serving else ""), branches


def _pod(pod: PodAnswer, said: Sequence[str]) -> Branch:
    """Its words are left out where a condition speaks of it already."""
    where = f" on {pod.node}" if pod.node else ""
    again = f", {pod.restarts} restart{'' if pod.restarts == 1 else 's'}" if pod.restarts else ""
    known = pod.ready or any(pod.name in words for words in said)
    title = f"{pod.name}{where}{again}: {'ready' if pod.ready else pod.reason}"
    return (title, "green" if pod.ready else "yellow"), [] if known else [((pod.message, ""), [])]
