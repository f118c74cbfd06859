"""Asks a pod that has taken no calls yet for one token or vector: whoever can answer that can serve."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping

import aiohttp

from plimsoll.api.quoting import quoted
from plimsoll.controller.background import Background
from plimsoll.plan.observed import Key, Object, Proof, ProofResult
from plimsoll.plan.plan import ProofRequest

_AT_ONCE = 16
# A large model on a busy CPU takes its time for the first token.
_SECONDS = 120.0
_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 60.0
_LONGEST_ANSWER = 64 * 1024
_FOR_A_TOKEN = ("/v1/completions", {"prompt": "Hello", "max_tokens": 1, "temperature": 0})
_FOR_A_VECTOR = ("/v1/embeddings", {"input": "Hello"})


class Prover:
    """`ready` is told whose pods have answered."""

    def __init__(self, session: aiohttp.ClientSession, background: Background, ready: Callable[[Key], None]) -> None:
        self._session = session
        self._background = background
        self._ready = ready
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._results: dict[Key, dict[str, ProofResult]] = {}

    def results(self, key: Key, pods: Iterable[Object]) -> Mapping[str, ProofResult]:
        """Of these pods of the model, by uid. A proof is worth nothing without its pod."""
        there = {pod["metadata"]["uid"] for pod in pods}
        known = self._results.get(key, {})
        for uid in known.keys() - there:
            del known[uid]
            self._background.stop(("proof", uid))
        return dict(known)

    @property
    def known(self) -> int:
        return len(self._results)

    def forget(self, key: Key) -> None:
        self.results(key, ())
        self._results.pop(key, None)

    def start(self, key: Key, requests: Collection[ProofRequest]) -> None:
        """Asks until there is an answer that proves something, or the pod is gone."""
        for request in requests:
            self._results.setdefault(key, {})[request.pod_uid] = ProofResult(Proof.RUNNING)
            self._background.start(("proof", request.pod_uid), self._prove(key, request), lambda: self._ready(key))

    async def _prove(self, key: Key, request: ProofRequest) -> None:
        pause = _FIRST_PAUSE
        while True:
            async with self._turns:
                result = await self._asked(request)
            self._results[key][request.pod_uid] = result
            if result.proof is Proof.GIVEN:
                return
            self._ready(key)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _asked(self, request: ProofRequest) -> ProofResult:
        host = f"[{request.address}]" if ":" in request.address else request.address
        path, question = _FOR_A_VECTOR if request.embeds else _FOR_A_TOKEN
        url = f"http://{host}:{request.port}{path}"
        timeout = aiohttp.ClientTimeout(total=_SECONDS, sock_connect=5)
        try:
            async with self._session.post(url, json=question, timeout=timeout, allow_redirects=False) as response:
                body = await response.content.read(_LONGEST_ANSWER)
                if response.status == 200:
                    return ProofResult(Proof.GIVEN)
                told = quoted(body.decode(errors="replace"), 300)
                return ProofResult(Proof.REFUSED, f"the pod answered {response.status}: {told}")
        except (aiohttp.ClientError, TimeoutError) as error:
            return ProofResult(Proof.REFUSED, f"the pod did not answer: {str(error) or 'no answer in time'}")
