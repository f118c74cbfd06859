"""The second port: for those who run the gateway, and not for those who call it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plimsoll.gateway.call import Header
from plimsoll.gateway.exchange import Receive, Scope, Send
from plimsoll.gateway.metrics import Metrics
from plimsoll.gateway.state import Phase, State

_TEXT = (b"content-type", b"text/plain; charset=utf-8")


class Health:
    def __init__(self, state: State, metrics: Metrics) -> None:
        self._state = state
        self._metrics = metrics

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        status, kind, body = self._answer(scope["method"], scope["path"])
        headers: Sequence[Header] = [kind, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, method: str, path: str) -> tuple[int, Header, bytes]:
        if method not in ("GET", "HEAD"):
            return 405, _TEXT, b"only GET is answered here\n"
        if path == "/metrics":
            kind, text = self._metrics.exposition()
            return 200, (b"content-type", kind), text
        if path == "/health":
            # Whoever answers this takes his turn at everything else, too.
            return 200, _TEXT, b"ok\n"
        if path == "/ready":
            return (200, _TEXT, b"ok\n") if self._state.ready else (503, _TEXT, _WHY[self._state.phase])
        return 404, _TEXT, b"there is /health, /ready and /metrics\n"


_WHY: Mapping[Phase, bytes] = {
    Phase.SERVING: b"no routing document yet\n",
    Phase.LEAVING: b"it is about to end\n",
    Phase.DRAINING: b"it is about to end\n",
}
