"""What a spec names and does not own: Secrets and claims. They are read by name, never listed, never watched."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from yarl import URL

from plimsoll.api import names
from plimsoll.api.reasons import Reason
from plimsoll.api.rules.rule import find
from plimsoll.cluster.client import Client
from plimsoll.cluster.errors import Forbidden, NotFound
from plimsoll.cluster.kinds import CLAIM, SECRET, Kind, Object
from plimsoll.plan.finding import Finding
from plimsoll.routing.entry import Secret
from plimsoll.weights.credentials import Credential
from plimsoll.weights.trouble import SourceTrouble

# Seconds for which an answer counts; what is missing is looked for sooner.
FRESH_FOR = 60.0
_MISSING_FOR = 10.0
# The data field of a provider's Secret.
_PROVIDER_KEY = "apiKey"


@dataclass(frozen=True)
class Outside:
    """`credential` is the decoded data of the source's Secret: for the request that needs it, and never kept."""

    missing: tuple[Finding, ...] = ()
    credential: Mapping[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class _Look:
    at: float
    found: Object | Finding = field(repr=False)


class OutsideObjects:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._looks: dict[tuple[Kind, str, str], _Look] = {}

    async def look(self, config: Object) -> Outside:
        namespace, spec = config["metadata"]["namespace"], config["spec"]
        missing: list[Finding] = []
        credential = None
        if secret := find(spec, "source.credential.secretName"):
            credential = self._collect(await self._secret(namespace, secret), missing)
        if external := find(spec, "external"):
            key = await self.provider_key(namespace, external)
            missing += [key] if isinstance(key, Finding) else []
        if claim := find(spec, "source.pvc.claimName"):
            found = await self._get(CLAIM, namespace, claim)
            missing += [found] if isinstance(found, Finding) else []
        return Outside(tuple(missing), credential)

    async def provider_key(self, namespace: str, external: Mapping[str, Any]) -> Secret | Finding | None:
        """What the provider wants to see; None for one that wants nothing."""
        secret = find(external, "credential.secretName")
        if secret is None:
            return None
        data = await self._secret(namespace, secret)
        return data if isinstance(data, Finding) else _released(data, external.get("baseURL"))

    async def cache(self, namespace: str, claim: str) -> Finding | None:
        """Why the weights of this namespace have no place to be kept."""
        found = await self._get(CLAIM, namespace, claim)
        if not isinstance(found, Finding):
            return None
        return Finding(found.reason, f"{found.message}, where the operator's configuration keeps weights")

    def _collect(self, found: Mapping[str, str] | Finding, missing: list[Finding]) -> Mapping[str, str] | None:
        if isinstance(found, Finding):
            missing.append(found)
            return None
        return found

    async def _secret(self, namespace: str, name: str) -> Mapping[str, str] | Finding:
        found = await self._get(SECRET, namespace, name)
        if isinstance(found, Finding):
            return found
        try:
            return {key: base64.b64decode(value).decode() for key, value in (found.get("data") or {}).items()}
        except (binascii.Error, UnicodeDecodeError):
            return Finding(Reason.SECRET_MISSING, f"Secret {name} holds data that is no text")

    async def _get(self, kind: Kind, namespace: str, name: str) -> Object | Finding:
        now = asyncio.get_running_loop().time()
        self._looks = {place: look for place, look in self._looks.items() if now - look.at < _lasts(look)}
        place = (kind, namespace, name)
        if place not in self._looks:
            self._looks[place] = _Look(now, await self._found(kind, namespace, name))
        return self._looks[place].found

    async def _found(self, kind: Kind, namespace: str, name: str) -> Object | Finding:
        try:
            found = await self._client.get(kind, namespace, name)
        except NotFound:
            reason = Reason.CLAIM_MISSING if kind == CLAIM else Reason.SECRET_MISSING
            return Finding(reason, f"there is no {kind.name} {name} in namespace {namespace}")
        except Forbidden as error:
            words = f"the operator may not `{error.verb}` `{error.resource}` in namespace {namespace}"
            return Finding(Reason.RIGHT_MISSING, words)
        if kind == SECRET and (found["metadata"].get("labels") or {}).get(names.LABEL_CREDENTIAL) != "true":
            # What its owner has not released is not even kept.
            return Finding(Reason.SECRET_NOT_RELEASED, f"Secret {name} is there and not labelled")
        return found


def names_something(config: Object) -> bool:
    """Whether the spec has to be looked at again although nobody tells that something changed."""
    paths = ("source.credential.secretName", "external.credential.secretName", "source.pvc.claimName")
    return any(find(config["spec"], path) for path in paths)


def _released(data: Mapping[str, str], address: str | None) -> Secret | Finding:
    """A provider that is known has its own address; to any other a key goes only if its owner lists it."""
    credential = Credential(data)
    try:
        if address is not None:
            credential.released_to(URL(address), own="")
        return Secret(credential.value(_PROVIDER_KEY))
    except SourceTrouble as trouble:
        return trouble.finding


def _lasts(look: _Look) -> float:
    return _MISSING_FOR if isinstance(look.found, Finding) else FRESH_FOR
