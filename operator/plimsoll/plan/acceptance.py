"""From a spec to a revision: everything that it depends on is settled here, once."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime

from plimsoll.api.configuration import HardwareProfile, OperatorConfiguration
from plimsoll.api.crd import part_at, structural_schema
from plimsoll.api.engine import Engine
from plimsoll.api.hardware import Hardware
from plimsoll.api.modelconfig import ModelConfigSpec
from plimsoll.api.normal import behaviour_hash, of_revision, workload_hash
from plimsoll.api.parts import completed
from plimsoll.api.reasons import Reason
from plimsoll.api.validate import misfits
from plimsoll.plan.author import author_of, git_revision_of
from plimsoll.plan.defaults import defaults_of, profile_names
from plimsoll.plan.engine import Wanted
from plimsoll.plan.engines import PLANNERS
from plimsoll.plan.fetching import cache_claim, home_of, weights_path
from plimsoll.plan.finding import Finding
from plimsoll.plan.observed import Object, SourceFacts
from plimsoll.plan.revision import Revision, Workload
from plimsoll.plan.template import Rendering, pod_template
from plimsoll.plan.weights_cache import Cache


@dataclass(frozen=True, slots=True)
class AcceptanceRequest:
    config: Object
    number: int
    # None when nobody asked the source, or nobody could size what it said.
    facts: SourceFacts | None
    history: tuple[Revision, ...]
    now: datetime
    # Folders of the cache that the workloads of the namespace use.
    kept: tuple[str, ...] = ()


def accept(request: AcceptanceRequest, configuration: OperatorConfiguration) -> Revision | Finding:
    """The revision that the spec makes, or what the user has to change first."""
    schema = part_at(structural_schema(), "spec")
    spec = completed(copy.deepcopy(request.config["spec"]), schema)
    problem = next(misfits(spec, schema, ModelConfigSpec), None)
    if problem is not None:
        return Finding(Reason.INVALID_SPEC, f"spec.{problem.field}: {problem.message}")
    revision = Revision(
        number=request.number,
        behaviour=behaviour_hash(spec),
        spec=of_revision(spec),
        accepted_at=request.now,
        author=author_of(request.config),
        git_revision=git_revision_of(request.config),
    )
    typed = ModelConfigSpec.model_validate(spec)
    return revision if typed.source is None else _hosted(revision, _Case(request, configuration, typed))


@dataclass(frozen=True, slots=True)
class _Case:
    request: AcceptanceRequest
    configuration: OperatorConfiguration
    spec: ModelConfigSpec


@dataclass(frozen=True, slots=True)
class _Settled:
    """A workload, and what it was made of that the spec does not say."""

    workload: Workload
    resolved: Object


def _hosted(revision: Revision, case: _Case) -> Revision | Finding:
    declared_name, fallback_name = profile_names(case.spec).get("declared"), profile_names(case.spec).get("fallback")
    declared = _inherited(case, workload_hash(revision.spec)) or _rendered(case, declared_name, None)
    if isinstance(declared, Finding):
        return declared
    revision = replace(revision, declared=declared.workload, resolved={"declared": declared.resolved})
    if fallback_name is None:
        return revision
    fallback = _inherited(case, workload_hash(revision.spec, fallback_name)) or _rendered(case, fallback_name, declared)
    if isinstance(fallback, Finding):
        return replace(fallback, message=f"on the fallback {fallback_name}: {fallback.message}")
    resolved = {**revision.resolved, "fallback": fallback.resolved}
    return replace(revision, fallback=fallback.workload, resolved=resolved)


def _inherited(case: _Case, digest: str) -> _Settled | None:
    """The same hash means the same pods, also when defaults have moved since they were rendered."""
    for revision in sorted(case.request.history, key=lambda each: -each.number):
        for slot, workload in (("declared", revision.declared), ("fallback", revision.fallback)):
            if workload is not None and workload.hash == digest:
                return _Settled(workload, revision.resolved.get(slot, {}))
    return None


def _rendered(case: _Case, profile_name: str | None, declared: _Settled | None) -> _Settled | Finding:
    """New pods; those of a fallback run the image and the weights of the declared ones."""
    profile = _suitable(case, profile_name, is_fallback=declared is not None)
    if isinstance(profile, Finding):
        return profile
    engine = case.spec.engine or Engine()
    image = declared.workload.image if declared else engine.image or case.configuration.images.of_engine(engine.name)
    if image is None:
        return Finding(
            Reason.IMAGE_UNKNOWN, f"spec.engine.image names no image, and the configuration has none for {engine.name}"
        )
    wanted = _wanted(case, profile, declared)
    planner = PLANNERS[engine.name]
    demand = planner.demand(wanted)
    if isinstance(demand, Finding):
        return demand
    launch = planner.launch(wanted, demand)
    digest = workload_hash(case.request.config["spec"], profile_name if declared else None)
    rendering = Rendering(wanted, demand, launch, image, digest, _cache(case))
    workload = Workload(
        hash=digest,
        profile=profile.name,
        on_gpu=wanted.gpus > 0,
        image=image,
        template=pod_template(rendering, case.configuration),
        arguments_hash=_digest([launch.command, launch.arguments]),
        sizing=demand.sizing,
    )
    return _Settled(workload, _resolved(wanted, case))


def _suitable(case: _Case, name: str | None, *, is_fallback: bool) -> HardwareProfile | Finding:
    profile = case.configuration.profile(name)
    if profile is None:
        known = ", ".join(each.name for each in case.configuration.profiles)
        return Finding(Reason.PROFILE_UNKNOWN, f"there is no profile {name}; there are {known}")
    hardware = case.spec.hardware or Hardware()
    if is_fallback and profile.gpu is not None:
        return Finding(Reason.PROFILE_UNSUITABLE, f"{profile.name} has GPUs, and a fallback has to do without")
    if profile.gpu is None and not is_fallback and hardware.fallback is not None:
        return Finding(
            Reason.PROFILE_UNSUITABLE, f"the profile {profile.name} has no GPU that a fallback could stand in for"
        )
    if profile.gpu is None and not is_fallback and hardware.count > 1:
        return Finding(
            Reason.PROFILE_UNSUITABLE,
            f"hardware.count is {hardware.count}, and the profile {profile.name} has no GPU to count",
        )
    return profile


def _wanted(case: _Case, profile: HardwareProfile, declared: _Settled | None) -> Wanted:
    source = case.spec.source
    assert source is not None
    facts = case.request.facts
    identity = declared and declared.resolved.get("weights", {}).get("identity")
    if facts is not None and identity:
        facts = replace(facts, identity=identity)
    folder = (case.spec.engine or Engine()).name == "vllm"
    home = home_of(source, facts.identity if facts else None, cached=_cache(case) is not None)
    return Wanted(
        name=case.request.config["metadata"]["name"],
        spec=case.spec,
        profile=profile,
        facts=facts,
        weights=weights_path(source, folder=folder, home=home),
    )


def _cache(case: _Case) -> Cache | None:
    claim = cache_claim(case.spec.source, case.configuration) if case.spec.source else None
    return None if claim is None else Cache(claim, case.request.kept, case.request.now)


def _resolved(wanted: Wanted, case: _Case) -> Object:
    resolved: Object = {"defaults": defaults_of(wanted.spec, wanted.profile, case.configuration)}
    facts = wanted.facts
    if facts is not None:
        weights = {"identity": facts.identity, "files": len(facts.files), "size": facts.size}
        resolved["weights"] = {key: value for key, value in weights.items() if value is not None}
    return resolved


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()
