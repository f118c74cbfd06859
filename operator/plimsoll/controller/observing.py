"""Observe: everything that a pass has to know of a model, as one value. Reads only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from plimsoll.api import names
from plimsoll.api.configuration import OperatorConfiguration
from plimsoll.api.source import Source
from plimsoll.cluster.client import Client
from plimsoll.cluster.errors import NotFound
from plimsoll.cluster.kinds import CHILDREN, MODEL_CONFIG, POD, Kind, Object
from plimsoll.controller.image_volumes import ImageVolumes
from plimsoll.controller.mirror import Family, Mirror
from plimsoll.controller.notes import Note, Notes
from plimsoll.controller.outside import OutsideObjects
from plimsoll.controller.proving import Prover
from plimsoll.controller.sources import Sources, from_pod
from plimsoll.plan.fetching import cache_claim
from plimsoll.plan.finding import Finding
from plimsoll.plan.history import is_owned, needs_source
from plimsoll.plan.inspecting import only_a_pod_sees
from plimsoll.plan.observed import Key, Observed, SourceState

OF_A_MODEL = (*CHILDREN, POD)


class PreviousLife(Exception):
    """A ModelConfig of this name was deleted, and what it left is still being taken away."""


@dataclass(frozen=True)
class Observer:
    client: Client
    mirror: Mirror
    outside: OutsideObjects
    image_volumes: ImageVolumes
    sources: Sources
    prover: Prover
    notes: Notes

    async def observe(self, key: Key, configuration: OperatorConfiguration, *, fresh: bool) -> Observed | None:
        """None when there is no such ModelConfig, or when it is going away with all that it has."""
        if fresh:
            await self._read_live(key)
        family = self.mirror.family(key)
        if family is None or "deletionTimestamp" in family.config["metadata"]:
            return None
        note = self.notes.of(key)
        await self._look_at_names(key, note)
        asks = needs_source(family.config, family.revisions)
        outside = await self.outside.look(family.config)
        missing = outside.missing or (await self._unmountable(family, configuration) if asks else ())
        if not asks:
            self.sources.forget(key)
        return Observed(
            config=family.config,
            revisions=family.revisions,
            children=family.children,
            pods=family.pods,
            source=await self._source(family, outside.credential, configuration) if asks and not missing else None,
            missing=missing,
            taken=frozenset(note.taken | _strangers(family)),
            proofs=self.prover.results(key, family.pods),
            cached=self.mirror.cache_folders(key.namespace) if asks else (),
            refused=dict(note.refused),
            fresh=fresh,
        )

    async def _read_live(self, key: Key) -> None:
        before = self.mirror.version(key)
        try:
            found, versions = [await self.client.get(MODEL_CONFIG, key.namespace, key.name)], dict[Kind, str]()
        except NotFound:
            # What was known before the question is gone; a successor that was told of since is not.
            found, versions = [], {MODEL_CONFIG: before}
        answers = await asyncio.gather(*(self._live(kind, key) for kind in OF_A_MODEL))
        for kind, (objects, version) in zip(OF_A_MODEL, answers, strict=True):
            found += objects
            versions[kind] = version
        self.mirror.settle(key, found, versions)

    async def _live(self, kind: Kind, key: Key) -> tuple[list[Object], str]:
        found: list[Object] = []
        version = "0"
        async for page, at in self.client.pages(kind, key.namespace, f"{names.LABEL_MODELCONFIG}={key.name}"):
            found += page
            version = at
        return found, version

    async def _look_at_names(self, key: Key, note: Note) -> None:
        """Nobody tells when a stranger gives a name free: what carries no label of ours is not watched."""
        for kind, name in sorted(note.taken):
            known = next(each for each in CHILDREN if each.name == kind)
            try:
                await self.client.get(known, key.namespace, name)
            except NotFound:
                note.taken.discard((kind, name))

    async def _unmountable(self, family: Family, configuration: OperatorConfiguration) -> tuple[Finding, ...]:
        """What new pods of this source would wait for in vain."""
        namespace, source = family.config["metadata"]["namespace"], family.config["spec"]["source"]
        claim = cache_claim(Source.model_validate(source), configuration)
        if "oci" in source:
            found = await self.image_volumes.missing(family.config, configuration)
        else:
            found = await self.outside.cache(namespace, claim) if claim else None
        return (found,) if found else ()

    async def _source(
        self, family: Family, credential: Mapping[str, str] | None, configuration: OperatorConfiguration
    ) -> SourceState:
        if only_a_pod_sees(family.config):
            return from_pod(family.config, family.pods)
        return await self.sources.lookup(family.config, credential, configuration)


# Garbage collection takes a moment; what it leaves for longer is in the way like any other object.
_LONGEST_GOODBYE = timedelta(minutes=1)


def _strangers(family: Family) -> set[tuple[str, str]]:
    """Objects that carry our label and are not ours."""
    config = family.config
    others = [each for each in (*family.children, *family.revisions) if not is_owned(each, config)]
    for each in others:
        owners = each["metadata"].get("ownerReferences") or ()
        namesake = any(
            owner.get("kind") == names.KIND and owner.get("name") == config["metadata"]["name"] for owner in owners
        )
        if namesake and _age(config) < _LONGEST_GOODBYE:
            raise PreviousLife(f"{each['kind']} {each['metadata']['name']} is still being taken away")
    return {(each["kind"], each["metadata"]["name"]) for each in others}


def _age(config: Object) -> timedelta:
    return datetime.now(UTC) - datetime.fromisoformat(config["metadata"]["creationTimestamp"])
