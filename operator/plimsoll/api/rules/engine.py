"""Rules for spec.engine, spec.hardware and spec.resources: what a model runs with and on."""

from __future__ import annotations

import re

from plimsoll.api.engine import KV_CACHE_TYPES, OPTIONS, EngineName
from plimsoll.api.rules.rule import Node, Rule, amount, find, has, seconds

_TAG = ":[A-Za-z0-9_][A-Za-z0-9._-]*$"
_DIGEST = "@sha256:[0-9a-f]{64}$"
_QUICKEST, _SLOWEST = "10s", "24h"
_LEAST_MEMORY = "16Mi"


def _pinned(image: str) -> bool:
    tagged = re.search(_TAG, image) is not None and not image.endswith(":latest")
    return re.search(_DIGEST, image) is not None or tagged


def _only_for(engine: EngineName) -> Rule:
    shared = set.intersection(*map(set, OPTIONS.values()))
    own = [option for option in OPTIONS[engine] if option not in shared]
    return Rule(
        name=f"{engine}-options",
        at="spec.engine",
        field=".options",
        cel=f"self.name == '{engine}' || !has(self.options)"
        f" || !({' || '.join(f'has(self.options.{option})' for option in own)})",
        holds=lambda node: node["name"] == engine or not any(option in node.get("options", ()) for option in own),
        message=f"{', '.join(own)} are options of {engine} alone: remove them, or set engine.name to {engine}",
    )


def _kv_cache_types(engine: EngineName) -> Rule:
    known = KV_CACHE_TYPES[engine]
    return Rule(
        name=f"{engine}-kv-cache-type",
        at="spec.engine",
        field=".options.kvCacheType",
        cel=f"self.name != '{engine}' || !{has('options.kvCacheType')}"
        f" || self.options.kvCacheType in [{', '.join(map(repr, known))}]",
        holds=lambda node: node["name"] != engine or find(node, "options.kvCacheType") in (None, *known),
        message=f"{engine} has no cache of this type: use one of {', '.join(known)}",
    )


def _flash_attention_fits(options: Node) -> bool:
    return options.get("kvCacheType") not in ("q8_0", "q4_0") or options.get("flashAttention", True) is True


ENGINE_RULES = (
    Rule(
        name="image-is-pinned",
        at="spec.engine.image",
        cel=f"self.matches('{_DIGEST}') || (self.matches('{_TAG}') && !self.endsWith(':latest'))",
        holds=_pinned,
        message="an image without a tag, or with `latest`, changes by itself: give a version tag or a digest",
    ),
    *(_only_for(engine) for engine in OPTIONS),
    *(_kv_cache_types(engine) for engine in KV_CACHE_TYPES),
    Rule(
        name="small-cache-needs-flash-attention",
        at="spec.engine.options",
        field=".kvCacheType",
        cel="!has(self.kvCacheType) || !(self.kvCacheType in ['q8_0', 'q4_0'])"
        " || !has(self.flashAttention) || self.flashAttention",
        holds=_flash_attention_fits,
        message="a cache of q8_0 or q4_0 needs flash attention: remove flashAttention, or use kvCacheType f16",
    ),
    Rule(
        name="micro-batch-within-batch",
        at="spec.engine.options",
        field=".microBatchSize",
        cel="!has(self.microBatchSize) || !has(self.batchSize) || self.microBatchSize <= self.batchSize",
        holds=lambda options: options.get("microBatchSize", 0) <= options.get("batchSize", float("inf")),
        message="microBatchSize is larger than batchSize: lower it, or raise batchSize",
    ),
)

HARDWARE_RULES = (
    Rule(
        name="fallback-needs-profile",
        at="spec.hardware",
        field=".fallback",
        cel="!has(self.fallback) || has(self.profile)",
        holds=lambda hardware: "fallback" not in hardware or "profile" in hardware,
        message="a fallback needs a declared GPU to come back to: set hardware.profile to the profile with the GPU",
    ),
    Rule(
        name="fallback-elsewhere",
        at="spec.hardware",
        field=".fallback.to",
        cel="!has(self.fallback) || !has(self.profile) || self.fallback.to != self.profile",
        holds=lambda hardware: "profile" not in hardware or find(hardware, "fallback.to") != hardware["profile"],
        message="the fallback is the declared profile itself: name another one, usually a CPU profile",
    ),
    Rule(
        name="fallback-after-in-range",
        at="spec.hardware.fallback.after",
        cel=f"duration(self) >= duration('{_QUICKEST}') && duration(self) <= duration('{_SLOWEST}')",
        holds=lambda after: seconds(_QUICKEST) <= seconds(after) <= seconds(_SLOWEST),
        message=f"the wait is shorter than {_QUICKEST} or longer than {_SLOWEST}: choose one in between, such as 5m",
    ),
)


def _within_limit(resource: str) -> Rule:
    request, limit = f"requests.{resource}", f"limits.{resource}"

    def holds(resources: Node) -> bool:
        low, high = find(resources, request), find(resources, limit)
        return low is None or high is None or amount(low) <= amount(high)

    return Rule(
        name=f"{resource}-request-within-limit",
        at="spec.resources",
        field=f".requests.{resource}",
        cel=f"!{has(request)} || !{has(limit)}"
        f" || quantity(string(self.{request})).compareTo(quantity(string(self.{limit}))) <= 0",
        holds=holds,
        message=f"the request for {resource} is above its limit: lower requests.{resource} or raise limits.{resource}",
    )


def _at_least(name: str, paths: tuple[str, ...], least: str, message: str) -> Rule:
    enough = "quantity(string(self.{0})).compareTo(quantity('{1}')) >= 0"
    checks = [f"(!{has(path)} || {enough.format(path, least)})" for path in paths]

    def holds(resources: Node) -> bool:
        given = (find(resources, path) for path in paths)
        return all(amount(value) >= amount(least) for value in given if value is not None)

    return Rule(name=name, at="spec.resources", cel=" && ".join(checks), holds=holds, message=message)


RESOURCE_RULES = (
    _within_limit("cpu"),
    _within_limit("memory"),
    _at_least(
        "memory-has-unit",
        ("requests.memory", "limits.memory", "storage"),
        _LEAST_MEMORY,
        f"memory or storage of less than {_LEAST_MEMORY} holds no model: add the unit, for example 6Gi",
    ),
    _at_least(
        "cpu-is-some",
        ("requests.cpu", "limits.cpu"),
        "10m",
        "less than 10m is no CPU to speak of: write cores, for example 2, or thousandths, for example 500m",
    ),
)
