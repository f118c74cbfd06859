"""Gateways get the routing document from a real operator, which an API server tells who they are."""

from __future__ import annotations

import asyncio
import base64
import secrets
import ssl
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from plimsoll.controller.certificates import AUTHORITY
from plimsoll.routing.copies import unpack
from plimsoll.routing.document import Document
from tests.support.audit import Audit
from tests.support.feeds import Loopback, heard
from tests.support.kube import Kube, Object, RefusedError
from tests.support.operator_process import free_ports
from tests.support.operator_rights import kubeconfig_of, rendered
from tests.support.operators import Operator, Operators
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster

RBAC = "rbac.authorization.k8s.io"
SECONDS = 60.0


@dataclass
class Place:
    """A namespace that is the operator's home here, and an operator in it that may do no more than an installed one."""

    kube: Kube
    cluster: ProcessCluster
    namespace: str
    operator: Operator
    port: int
    user: str

    def read(self, kind: str, name: str) -> Object | None:
        metadata = {"namespace": self.namespace, "name": name}
        try:
            return self.kube.read({"apiVersion": "v1", "kind": kind, "metadata": metadata})
        except RefusedError as error:
            if error.status != 404:
                raise
            return None

    @property
    def bundle(self) -> str:
        found = wait_until(lambda: self.read("ConfigMap", AUTHORITY), SECONDS, self.operator.process.tail) or {}
        return str(found["data"]["ca.crt"])

    def token(self, account: str = "plimsoll-gateway", audience: str = "plimsoll-routing") -> str:
        asked = ("create", "token", account, f"--namespace={self.namespace}", f"--audience={audience}")
        return self.cluster.kubectl(*asked).strip()

    async def connect(self, session: aiohttp.ClientSession, token: str) -> aiohttp.ClientWebSocketResponse:
        return await session.ws_connect(
            f"wss://plimsoll-routing.{self.namespace}.svc:{self.port}/routing",
            headers={"Authorization": f"Bearer {token}"},
            ssl=ssl.create_default_context(cadata=self.bundle),
            max_msg_size=0,
        )

    async def refusal(self, session: aiohttp.ClientSession, token: str) -> int:
        try:
            line = await self.connect(session, token)
        except aiohttp.WSServerHandshakeError as refused:
            return refused.status
        except aiohttp.ClientConnectorError:
            return 0
        await line.close()
        return 101

    def copied(self) -> Document | None:
        secret = self.read("Secret", "plimsoll-routing-copy-0")
        return unpack([base64.b64decode(secret["data"]["piece"])]) if secret else None


def grant(kube: Kube, cluster: ProcessCluster, namespace: str, user: str) -> Iterator[None]:
    """What an installation gives, here and for this user. The question who a token is belongs to no namespace."""
    everywhere: list[Object] = []
    for role in rendered(cluster, [namespace]):
        if role["kind"] not in ("Role", "ClusterRole"):
            continue
        whole = role["metadata"]["name"].endswith("-reviews")
        kind, place = ("ClusterRole", {}) if whole else ("Role", {"namespace": namespace})
        metadata = {"name": f"{user}-{role['kind'].lower()}-{role['metadata']['name']}", **place}
        made = [
            {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": dict(metadata), "rules": role["rules"]},
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": f"{kind}Binding",
                "metadata": dict(metadata),
                "roleRef": {"apiGroup": RBAC, "kind": kind, "name": metadata["name"]},
                "subjects": [{"apiGroup": RBAC, "kind": "User", "name": user}],
            },
        ]
        for each in made:
            kube.create(each)
        everywhere += made if whole else []
    yield
    for each in everywhere:
        kube.delete(each)


@pytest.fixture
def place(
    *, kube: Kube, cluster: ProcessCluster, definition: Object, namespace: str, operators: Operators, audit: Audit
) -> Iterator[Place]:
    # What is audited from now on has all that the operator asks.

    cluster.kubectl("apply", "--server-side", "--force-conflicts", "--kustomize", "manifests/crds")
    user = f"operator-{secrets.token_hex(4)}"
    for name in ("plimsoll-gateway", "stranger"):
        kube.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}})
    for _ in grant(kube, cluster, namespace, user):
        port = free_ports().health
        operator = operators.make(kubeconfig=kubeconfig_of(cluster, user), options=(f"--feed-port={port}",))
        operator.start()
        yield Place(kube, cluster, namespace, operator, port, user)


def play(scenario: Callable[[aiohttp.ClientSession], Awaitable[None]]) -> None:
    async def main() -> None:
        async with (
            asyncio.timeout(3 * SECONDS),
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Loopback())) as session,
        ):
            await scenario(session)

    asyncio.run(main())


async def until_open(place: Place, session: aiohttp.ClientSession, token: str) -> None:
    """The first document comes when everything was listed once."""
    async with asyncio.timeout(SECONDS):
        while await place.refusal(session, token) in (0, 503):  # noqa: ASYNC110
            await asyncio.sleep(0.2)


def test_only_gateways_are_let_in_and_they_are_told_when_it_ends(place: Place) -> None:
    good = place.token()

    async def scenario(session: aiohttp.ClientSession) -> None:
        await until_open(place, session, good)
        assert await place.refusal(session, place.token("stranger")) == 403
        assert await place.refusal(session, place.token(audience="somebody-else")) == 401
        assert await place.refusal(session, "nonsense") == 401
        line = await place.connect(session, good)
        assert isinstance(await heard(line), Document)
        assert place.operator.process.metric("plimsoll_operator_gateways") == 1
        assert place.operator.process.metric("plimsoll_operator_gateway_refusals_total", status="403") == 1
        ending = asyncio.create_task(asyncio.to_thread(place.operator.process.end))
        said = await line.receive(timeout=SECONDS)
        while said.type is aiohttp.WSMsgType.TEXT:
            said = await line.receive(timeout=SECONDS)
        assert (said.type, said.data) == (aiohttp.WSMsgType.CLOSE, 1001)
        assert await ending == 0

    play(scenario)
    assert good not in place.operator.process.log


@pytest.mark.long
def test_with_the_rights_of_an_installation_it_makes_repairs_and_copies(place: Place, audit: Audit) -> None:
    good = place.token()

    async def scenario(session: aiohttp.ClientSession) -> None:
        await until_open(place, session, good)
        old = place.bundle
        place.kube.delete({"apiVersion": "v1", "kind": "Secret", "metadata": _named(place.namespace, AUTHORITY)})
        await asyncio.to_thread(wait_until, lambda: place.bundle != old, SECONDS, "there is a new authority")
        assert await place.refusal(session, good) == 101

    play(scenario)
    wait_until(lambda: place.copied() is not None, SECONDS, place.operator.process.tail)
    asked = {(each.verb, each.resource) for each in audit.requests(place.user) if each.resource in _OF_GATEWAYS}
    assert asked == {
        *(("get", "secrets"), ("patch", "secrets"), ("get", "configmaps"), ("patch", "configmaps")),
        ("create", "tokenreviews"),
    }
    assert [each for each in audit.requests(place.user) if each.code == 403] == []
    names = {each.name for each in audit.writes(place.user) if each.resource in _OF_GATEWAYS}
    assert names == {AUTHORITY, "plimsoll-routing-copy-0"}


_OF_GATEWAYS = ("secrets", "configmaps", "tokenreviews")


def _named(namespace: str, name: str) -> dict[str, Any]:
    return {"namespace": namespace, "name": name}
