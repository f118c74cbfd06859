"""Secrets and claims that a spec names: each way in which they cannot be used has its reason."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from plimsoll.api.reasons import Reason
from plimsoll.cluster.errors import Forbidden
from plimsoll.cluster.kinds import Object
from plimsoll.controller.outside import Outside, OutsideObjects, names_something
from plimsoll.plan.finding import Finding
from plimsoll.routing.entry import Secret
from tests.support.toy_cluster import ToyCluster
from tests.support.virtual_time import run

_SOURCE = {"source": {"http": {"url": "https://a.example/x"}, "credential": {"secretName": "hub"}}}
_CLAIM = {"source": {"pvc": {"claimName": "weights", "path": "a.gguf"}}}


def _config(spec: Object) -> Object:
    return {"metadata": {"name": "chat", "namespace": "team"}, "spec": spec}


def _external(**more: Any) -> Object:
    return {"external": {"provider": "openai", "model": "m", "credential": {"secretName": "hub"}, **more}}


def _secret(label: str | None = "true", namespace: str = "team", **data: str) -> Object:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    labels = {"plimsoll.dev/credential": label} if label else {}
    metadata = {"name": "hub", "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded}


def _look(spec: Object, *objects: Object) -> Outside:
    return asyncio.run(OutsideObjects(ToyCluster(*objects)).look(_config(spec)))


def _reasons(spec: Object, *objects: Object) -> list[Reason]:
    return [each.reason for each in _look(spec, *objects).missing]


def test_a_released_secret_is_handed_on_decoded() -> None:
    found = _look(_SOURCE, _secret(token="t", hosts="a.example"))
    assert found == Outside((), {"token": "t", "hosts": "a.example"})
    assert "t" not in repr(found).replace("Outside", "").replace("missing", "")


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        (None, Reason.SECRET_MISSING),
        (_secret(namespace="another", token="t"), Reason.SECRET_MISSING),
        (_secret(label=None, token="t"), Reason.SECRET_NOT_RELEASED),
        (_secret(label="false", token="t"), Reason.SECRET_NOT_RELEASED),
        ({**_secret(), "data": {"token": "//79"}}, Reason.SECRET_MISSING),
    ],
)
def test_a_secret_that_cannot_be_used_has_its_reason(secret: Object | None, reason: Reason) -> None:
    assert _reasons(_SOURCE, *([secret] if secret else [])) == [reason]


@pytest.mark.parametrize(("label", "seconds"), [(None, 11), ("true", 61)])
def test_a_secret_that_is_not_released_is_looked_at_again_as_soon_as_one_that_is_missing(
    label: str | None, seconds: int
) -> None:
    before, after = _secret(label, token="old"), _secret(token="new")

    async def look_twice() -> Outside:
        cluster = ToyCluster(before)
        outside = OutsideObjects(cluster)
        known = await outside.look(_config(_SOURCE))
        cluster.add(after)
        await asyncio.sleep(seconds - 2)
        assert await outside.look(_config(_SOURCE)) == known
        await asyncio.sleep(2)
        return await outside.look(_config(_SOURCE))

    assert run(look_twice()) == Outside((), {"token": "new"})


def test_a_key_for_a_provider_with_its_own_address_needs_no_host() -> None:
    assert _reasons(_external(), _secret(apiKey="k")) == []


def test_a_key_goes_to_a_free_address_only_if_its_owner_lists_it() -> None:
    free = _external(baseURL="https://llm.example/v1")
    assert _reasons(free, _secret(apiKey="k")) == [Reason.HOST_NOT_ALLOWED]
    assert _reasons(free, _secret(apiKey="k", hosts="other.example")) == [Reason.HOST_NOT_ALLOWED]
    assert _reasons(free, _secret(apiKey="k", hosts="llm.example")) == []


def test_a_secret_without_the_key_of_the_provider_is_told_as_missing() -> None:
    assert _reasons(_external(), _secret(token="t")) == [Reason.SECRET_MISSING]


def test_the_key_of_a_provider_is_handed_on_and_shown_nowhere() -> None:
    async def look(*objects: Object) -> object:
        return await OutsideObjects(ToyCluster(*objects)).provider_key("team", _external()["external"])

    found = asyncio.run(look(_secret(apiKey="sesame")))
    assert found == Secret("sesame")
    assert "sesame" not in repr(found)
    assert isinstance(asyncio.run(look(_secret(None, apiKey="sesame"))), Finding)


def test_a_provider_that_wants_no_key_gets_none() -> None:
    outside = OutsideObjects(ToyCluster())
    assert asyncio.run(outside.provider_key("team", {"provider": "openai-compatible", "model": "m"})) is None


def test_a_claim_has_to_be_there() -> None:
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "weights", "namespace": "team"}}
    assert _reasons(_CLAIM) == [Reason.CLAIM_MISSING]
    assert _reasons(_CLAIM, claim) == []


def test_a_missing_right_is_told_with_the_verb() -> None:
    cluster = ToyCluster()
    cluster.refuse = lambda *_: Forbidden("may not", "get", "secrets")
    found = asyncio.run(OutsideObjects(cluster).look(_config(_SOURCE)))
    assert found.missing[0].reason is Reason.RIGHT_MISSING
    assert "may not `get` `secrets` in namespace team" in found.missing[0].message


def test_only_specs_that_name_something_are_looked_at_again() -> None:
    assert all(names_something(_config(spec)) for spec in (_SOURCE, _CLAIM, _external()))
    assert not names_something(_config({"source": {"http": {"url": "https://a.example/x"}}}))


def test_a_cache_that_is_not_in_the_namespace_is_told_with_who_wants_it() -> None:
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "kept", "namespace": "team"}}
    missing = asyncio.run(OutsideObjects(ToyCluster()).cache("team", "kept"))
    assert missing is not None
    assert missing.reason is Reason.CLAIM_MISSING
    assert "PersistentVolumeClaim kept in namespace team" in missing.message
    assert "configuration" in missing.message
    assert asyncio.run(OutsideObjects(ToyCluster(claim)).cache("team", "kept")) is None
