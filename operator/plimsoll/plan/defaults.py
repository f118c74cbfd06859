"""What of the operator's configuration gets into pods, and what an edit would take from it now."""

from __future__ import annotations

import json
from collections.abc import Iterator

from plimsoll.api.configuration import HardwareProfile, OperatorConfiguration
from plimsoll.api.engine import Engine
from plimsoll.api.hardware import Hardware
from plimsoll.api.modelconfig import ModelConfigSpec
from plimsoll.api.quoting import quoted
from plimsoll.api.source import Source
from plimsoll.plan.fetching import cache_claim
from plimsoll.plan.observed import Object
from plimsoll.plan.revision import Revision
from plimsoll.plan.written import written


def defaults_changed(revision: Revision, config_spec: Object, configuration: OperatorConfiguration) -> str | None:
    """What an edit that changes pods would take now, beside what it changes; None when it would take the same."""
    spec = ModelConfigSpec.model_validate(config_spec)
    if spec.source is None:
        return None
    differences: dict[str, None] = {}
    for slot, name in profile_names(spec).items():
        known = revision.resolved.get(slot, {}).get("defaults")
        if known is None:
            continue
        profile = configuration.profile(name)
        if profile is None:
            differences[f"the profile {name or configuration.default_profile} is gone"] = None
            continue
        now = defaults_of(spec, profile, configuration)
        before = str(known.get("profile", {}).get("name", profile.name))
        differences |= dict.fromkeys(_differences(_with_name(known, before), _with_name(now, before)))
    return quoted("; ".join(differences)) or None


def profile_names(spec: ModelConfigSpec) -> dict[str, str | None]:
    """By the place in the revision."""
    hardware = spec.hardware or Hardware()
    names: dict[str, str | None] = {"declared": hardware.profile}
    return names if hardware.fallback is None else {**names, "fallback": hardware.fallback.to}


def defaults_of(spec: ModelConfigSpec, profile: HardwareProfile, configuration: OperatorConfiguration) -> Object:
    """Everything of the operator's configuration that gets into the pods of this spec."""
    engine, images = spec.engine or Engine(), configuration.images
    defaults: Object = {"profile": written(profile)}
    if engine.image is None:
        defaults["engineImage"] = images.of_engine(engine.name)
    if spec.source is not None and spec.source.mounted is None:
        defaults |= _of_fetch(spec.source, configuration)
    if images.pull_secrets:
        defaults["pullSecrets"] = [secret.name for secret in images.pull_secrets]
    return defaults


def _of_fetch(source: Source, configuration: OperatorConfiguration) -> Object:
    networks = list(configuration.sources.private_networks)
    given = {"privateNetworks": networks, "weightsCache": cache_claim(source, configuration)}
    return {"fetchImage": configuration.images.plimsoll, **{key: value for key, value in given.items() if value}}


def _with_name(defaults: Object, profile: str) -> Object:
    """A model may depend on two profiles, so what is told of one has its name."""
    return {f"profile {profile}" if key == "profile" else key: value for key, value in defaults.items()}


def _differences(before: Object, after: Object, at: str = "") -> Iterator[str]:
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        path = f"{at}.{key}" if at else key
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(old, new, path)
        elif old != new:
            yield f"{path}: {_told(old)} -> {_told(new)}"


def _told(value: object) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
