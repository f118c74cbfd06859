"""From what the operator knows to the routing document; nothing else makes one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from plimsoll.api.access import Access
from plimsoll.api.call_limits import CallLimits
from plimsoll.api.calls import Calls
from plimsoll.api.engine import DEFAULT_ENGINE
from plimsoll.api.external import ADDRESSES, External
from plimsoll.api.generation import Generation
from plimsoll.api.modelconfig import DEFAULT_CONTEXT, DEFAULT_PARALLEL
from plimsoll.api.prompt import Prompt
from plimsoll.api.reasons import Reason
from plimsoll.api.rules.rule import find
from plimsoll.api.teams import Team
from plimsoll.routing.claims import Claims
from plimsoll.routing.document import (
    SCHEMA,
    Document,
    Down,
    Endpoint,
    Hosted,
    Model,
    OnDisconnect,
    Provider,
    Served,
    Version,
)
from plimsoll.routing.entry import Secret
from plimsoll.routing.resolving import access_of, generation_of, limits_of, prompt_of, timeouts_of

Spec = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Serving:
    """The revision that takes the calls. Its spec is as it was accepted, which an older version may have done."""

    revision: int
    spec: Spec
    # Of the pods that take calls, and of those that finish what they have.
    endpoints: tuple[Endpoint, ...] = ()
    # host:port; empty for a model that a provider hosts.
    service: str = ""
    # The provider's key.
    credential: Secret | None = None


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """`spec` is the newest that is valid: access, limits and calls of it count at once, whatever serves."""

    namespace: str
    name: str
    spec: Spec
    state: Serving | Down


@dataclass(frozen=True, slots=True)
class House:
    """What is the same for all models."""

    teams: Sequence[Team] = ()
    gateways: int = 1


def compile_model(facts: ModelFacts) -> Model:
    try:
        access = access_of(Access.model_validate(facts.spec.get("access", {})), facts.namespace)
        state = facts.state if isinstance(facts.state, Down) else _served(facts, facts.state)
    except ValidationError as error:
        # What a newer operator accepted may be a restriction: rather nobody is served than by half of it.
        access, state = access_of(Access(), facts.namespace), _unreadable(error)
    return Model(namespace=facts.namespace, name=facts.name, access=access, state=state)


def compile_document(models: Iterable[Model], claims: Claims, house: House, version: Version) -> Document:
    """`models` as compile_model made them: whoever keeps those that have not changed saves most of the work."""
    return Document(
        schema=SCHEMA,
        version=version,
        gateways=max(1, house.gateways),
        models={model.full_name: model for model in models},
        keys=dict(claims.opened),
        teams={team.name: limits_of(team.limits) for team in house.teams if team.limits},
    )


def _served(facts: ModelFacts, serving: Serving) -> Served:
    spec = serving.spec
    external = External.model_validate(spec["external"]) if "external" in spec else None
    limits, calls = facts.spec.get("limits"), Calls.model_validate(facts.spec.get("calls", {}))
    return Served(
        revision=serving.revision,
        backend=external.provider if external else str(find(spec, "engine.name") or DEFAULT_ENGINE),
        target=external.model if external else facts.name,
        upstream=_provider(external, serving) if external else _hosted(serving),
        context=None if external else int(spec.get("context") or DEFAULT_CONTEXT),
        parallel=None if external else int(spec.get("parallel") or DEFAULT_PARALLEL),
        generation=generation_of(Generation.model_validate(spec["generation"]) if "generation" in spec else None),
        prompt=prompt_of(Prompt.model_validate(spec["prompt"]) if "prompt" in spec else None),
        limits=limits_of(CallLimits.model_validate(limits) if limits else None),
        on_disconnect=_on_disconnect(calls, is_external=external is not None),
        timeouts=timeouts_of(calls.timeouts),
    )


def _unreadable(error: ValidationError) -> Down:
    field = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
    return Down(
        reason=Reason.INVALID_SPEC.value,
        message=f"This operator cannot read {field} ({error.title}) in the served revision or the newest spec: "
        "run the version of the operator that accepted it, or change the spec.",
    )


def _hosted(serving: Serving) -> Hosted:
    # In one order, so that the same pods are the same document.
    endpoints = tuple(sorted(serving.endpoints, key=lambda endpoint: endpoint.name))
    return Hosted(endpoints=endpoints, service=serving.service)


def _provider(external: External, serving: Serving) -> Provider:
    base_url = external.base_url or ADDRESSES[external.provider]
    return Provider(base_url=base_url.rstrip("/"), credential=serving.credential)


def _on_disconnect(calls: Calls, *, is_external: bool) -> OnDisconnect:
    if calls.on_disconnect is None:
        # A provider bills what it was asked for, whether or not somebody reads it.
        return "drain" if is_external else "cancel"
    return "drain" if calls.on_disconnect == "Drain" else "cancel"
