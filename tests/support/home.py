"""The API server as the operator's own namespace sees it, in memory: a few objects, reviews of tokens, and troubles."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

from plimsoll.cluster.client import Client
from plimsoll.cluster.errors import Conflict, NotFound, Unavailable
from plimsoll.cluster.kinds import TOKEN_REVIEW, Kind, Object, kind_of

HOME = "plimsoll-system"
GATEWAY_ACCOUNT = f"system:serviceaccount:{HOME}:plimsoll-gateway"
AUDIENCE = "plimsoll-routing"


class Home(Client):
    """`writes` has what was applied and deleted, in turn; a number in `fails_at` is a write that finds nobody there."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Object] = {}
        self.writes: list[str] = []
        self.fails_at: set[int] = set()
        self.away = False
        self.questions: list[Object] = []
        self.tokens: dict[str, Object] = {}

    def admit(
        self, token: str, account: str = GATEWAY_ACCOUNT, audience: str = AUDIENCE, pod: str = "gateway-1"
    ) -> str:
        user = {"username": account, "extra": {"authentication.kubernetes.io/pod-name": [pod]}}
        self.tokens[token] = {"authenticated": True, "audiences": [audience], "user": user}
        return token

    def data(self, kind: Kind, name: str) -> dict[str, str]:
        found: dict[str, str] = self.objects[kind.name, name]["data"]
        return found

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        await self._answer()
        assert namespace == HOME
        if (kind.name, name) not in self.objects:
            raise NotFound(f"no {kind.name} {name}")
        return copy.deepcopy(self.objects[kind.name, name])

    async def apply(self, wanted: Object, *, only_new: bool = False, **_: Any) -> Object:
        name = wanted["metadata"]["name"]
        await self._answer(f"apply {wanted['kind']} {name}")
        assert wanted["metadata"]["namespace"] == HOME
        if only_new and (wanted["kind"], name) in self.objects:
            raise Conflict("it is there")
        self.objects[wanted["kind"], name] = copy.deepcopy(wanted)
        return wanted

    async def delete(self, kind: Kind, namespace: str | None, name: str, *_: Any) -> None:
        await self._answer(f"delete {kind.name} {name}")
        if self.objects.pop((kind.name, name), None) is None:
            raise NotFound(f"no {kind.name} {name}")

    async def review(self, question: Object) -> Object:
        await self._answer()
        assert kind_of(question) == TOKEN_REVIEW
        self.questions.append(question)
        found = self.tokens.get(question["spec"]["token"], {"authenticated": False})
        audiences = [each for each in found.get("audiences", ()) if each in question["spec"]["audiences"]]
        # As the server does it: a token for somebody else is none.
        status = {**found, "audiences": audiences} if audiences else {"authenticated": False}
        return {**question, "status": status}

    async def _answer(self, write: str = "") -> None:
        await asyncio.sleep(0)
        if write:
            self.writes.append(write)
        if self.away or (write and len(self.writes) in self.fails_at):
            raise Unavailable("nobody answers")
