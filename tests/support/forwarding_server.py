"""An API server that knows a Service and its gateways, and forwards ports of pods to ports of this machine."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml
from aiohttp import WSMsgType, web

_START_SECONDS = 60
_SYSTEM = "plimsoll-system"
_LABELS = {"app.kubernetes.io/name": "plimsoll", "app.kubernetes.io/component": "gateway"}
_INNER_PORT = 8080
REFUSED = "failed to connect to localhost:8080 inside namespace: connection refused"


@dataclass
class Pod:
    """What its port is on this machine, what the node says instead, and what the API server answers instead."""

    port: int = 0
    ready: bool = True
    trouble: str = ""
    status: int = 101


class ForwardingServer:
    """As the API server and the kubelet speak: one WebSocket for each connection, two channels in it."""

    def __init__(self, folder: Path) -> None:
        self.kubeconfig = folder / "forwarding.kubeconfig"
        self.pods: dict[str, Pod] = {}
        self.installed = True
        # Names of pods, one for each connection that was asked for; and how many are open.
        self.asked: list[str] = []
        self.open = 0
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve()), name="forwarding server", daemon=True
        )
        self._ready = threading.Event()
        self._sockets: set[web.WebSocketResponse] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(_START_SECONDS), "the forwarding server did not start"
        server = f"http://127.0.0.1:{self._port}"
        self.kubeconfig.write_text(
            yaml.safe_dump(
                {
                    "current-context": "played",
                    "contexts": [{"name": "played", "context": {"cluster": "played", "user": "played"}}],
                    "clusters": [{"name": "played", "cluster": {"server": server}}],
                    "users": [{"name": "played", "user": {"token": "played-token"}}],
                }
            )
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(_START_SECONDS)
        assert not self._thread.is_alive(), "the forwarding server did not end"

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._closing = asyncio.Event()
        application = web.Application()
        base = f"/api/v1/namespaces/{_SYSTEM}"
        application.router.add_get(f"{base}/services", self._services)
        application.router.add_get(f"{base}/pods", self._pods)
        application.router.add_get(f"{base}/pods/{{name}}/portforward", self._forward)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._port: int = runner.addresses[0][1]
        self._ready.set()
        await self._closing.wait()
        for socket in tuple(self._sockets):
            await socket.close()
        await runner.cleanup()

    async def _services(self, request: web.Request) -> web.Response:
        wanted = dict(each.split("=") for each in request.query["labelSelector"].split(","))
        there = self.installed and wanted.items() <= _LABELS.items()
        ports = [{"name": "metrics", "port": 9090}, {"name": "http", "port": 80, "targetPort": "http"}]
        service = {"metadata": {"name": "plimsoll-gateway"}, "spec": {"selector": _LABELS, "ports": ports}}
        return _listed([service] if there else [])

    async def _pods(self, request: web.Request) -> web.Response:
        return _listed([_pod(name, pod) for name, pod in self.pods.items()])

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        self.asked.append(name)
        pod = self.pods.get(name) or Pod(status=404)
        assert request.query["ports"] == str(_INNER_PORT)
        assert request.headers["Authorization"] == "Bearer played-token"
        if request.headers.get("Accept", "*/*") != "*/*":
            return web.json_response({"kind": "Status", "code": 406}, status=406)
        if pod.status != 101:
            return web.json_response({"kind": "Status", "code": pod.status}, status=pod.status)
        socket = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
        await socket.prepare(request)
        assert socket.ws_protocol == "v4.channel.k8s.io"
        for channel in (0, 1):
            await socket.send_bytes(bytes([channel]) + _INNER_PORT.to_bytes(2, "little"))
        self._sockets.add(socket)
        self.open += 1
        try:
            await self._carry(socket, pod)
        finally:
            self.open -= 1
            self._sockets.discard(socket)
            await socket.close()
        return socket

    async def _carry(self, socket: web.WebSocketResponse, pod: Pod) -> None:
        if pod.trouble:
            # What was said to it arrives first: the node dials only then.
            await socket.receive()
            await socket.send_bytes(b"\1" + pod.trouble.encode())
            return
        reader, writer = await asyncio.open_connection("127.0.0.1", pod.port)
        down = asyncio.create_task(_down(reader, socket))
        up = asyncio.create_task(_up(socket, writer))
        await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        for task in (up, down):
            task.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await task
        writer.close()


async def _down(reader: asyncio.StreamReader, socket: web.WebSocketResponse) -> None:
    while data := await reader.read(65_536):
        await socket.send_bytes(b"\0" + data)


async def _up(socket: web.WebSocketResponse, writer: asyncio.StreamWriter) -> None:
    async for message in socket:
        assert message.type is WSMsgType.BINARY
        assert message.data[0] == 0
        writer.write(message.data[1:])
        await writer.drain()


def _listed(items: list[dict[str, Any]]) -> web.Response:
    return web.json_response({"metadata": {"resourceVersion": "1"}, "items": items})


def _pod(name: str, pod: Pod) -> dict[str, Any]:
    ports = [{"name": "metrics", "containerPort": 9090}, {"name": "http", "containerPort": _INNER_PORT}]
    waiting = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    return {
        "metadata": {"name": name, "labels": _LABELS},
        "spec": {"containers": [{"name": "gateway", "ports": ports}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": str(pod.ready)}],
            "containerStatuses": [{"name": "gateway"} if pod.ready else waiting],
        },
    }
