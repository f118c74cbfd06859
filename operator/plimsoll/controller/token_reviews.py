"""Whether whoever shows a token is a gateway: the API server says it, and for some seconds it need not say it again."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass

from plimsoll.cluster.client import Client
from plimsoll.cluster.kinds import TOKEN_REVIEW, Object
from plimsoll.controller.at_home import GATEWAY
from plimsoll.routing.conversation import AUDIENCE

# A gateway that was turned out is turned away as soon; one that comes back at once need not be asked for.
_COUNTS_SECONDS = 5.0
_MOST_KEPT = 1000
_POD_NAME = "authentication.kubernetes.io/pod-name"


@dataclass(frozen=True)
class Verdict:
    """200, 401 or 403, and which gateway it is or why it is none."""

    status: int
    words: str


class TokenReviews:
    def __init__(self, client: Client, home: str) -> None:
        self._client = client
        self._account = f"system:serviceaccount:{home}:{GATEWAY}"
        # By a hash: a token lies in no memory longer than its request.
        self._kept: dict[bytes, tuple[float, Verdict]] = {}

    async def judge(self, token: str) -> Verdict:
        """Raises ClusterError when the API server does not answer."""
        now = asyncio.get_running_loop().time()
        self._kept = {key: kept for key, kept in self._kept.items() if now - kept[0] < _COUNTS_SECONDS}
        digest = hashlib.sha256(token.encode()).digest()
        if digest not in self._kept:
            verdict = self._verdict(await self._client.review(_question(token)))
            if len(self._kept) >= _MOST_KEPT:
                return verdict
            self._kept[digest] = (now, verdict)
        return self._kept[digest][1]

    def _verdict(self, answer: Object) -> Verdict:
        status = answer.get("status") or {}
        # Who reviews without looking at audiences names none, and then the token may be for anybody.
        if not status.get("authenticated") or AUDIENCE not in (status.get("audiences") or ()):
            return Verdict(401, f"this token is none, or not for the audience {AUDIENCE}")
        user = status.get("user") or {}
        if user.get("username") != self._account:
            return Verdict(403, f"this is open to {self._account}, and not to {user.get('username')}")
        pods = (user.get("extra") or {}).get(_POD_NAME) or ["without a pod"]
        return Verdict(200, str(pods[0]))


def _question(token: str) -> Object:
    spec = {"token": token, "audiences": [AUDIENCE]}
    return {"apiVersion": TOKEN_REVIEW.api_version, "kind": TOKEN_REVIEW.name, "spec": spec}
