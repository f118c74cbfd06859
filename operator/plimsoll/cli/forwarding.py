"""The gateway of a cluster on a port of this machine, for as long as a verb needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Annotated

import typer

from plimsoll.cli.reaching import Context, Kubeconfig, Where, in_words

_END_SECONDS = 30.0


@dataclass(frozen=True)
class Through:
    """Which cluster, and where its gateway is."""

    gateway_namespace: Annotated[
        str, typer.Option("--namespace-of-gateway", help="Namespace that the gateway is installed in.")
    ] = "plimsoll-system"
    context: Context = None
    kubeconfig: Kubeconfig = None

    @property
    def where(self) -> Where:
        return Where(self.gateway_namespace, self.context, self.kubeconfig)


@contextmanager
def forwarded(through: Through, port: int = 0) -> Iterator[int]:
    """The port here. It is served by a thread of its own, so that the verb may do what it likes."""
    import asyncio
    import threading
    from concurrent.futures import Future

    listening: Future[int] = Future()
    loop = asyncio.new_event_loop()
    work = loop.create_task(_serve(through, port, listening.set_result))

    def run() -> None:
        try:
            with suppress(asyncio.CancelledError):
                loop.run_until_complete(work)
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for it
            if not listening.done():
                listening.set_exception(error)
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    thread = threading.Thread(target=run, name="forwarding", daemon=True)
    thread.start()
    try:
        with in_words():
            number = listening.result()
        yield number
    finally:
        with suppress(RuntimeError):  # closed already
            loop.call_soon_threadsafe(work.cancel)
        thread.join(_END_SECONDS)


async def _serve(through: Through, port: int, listening: Callable[[int], None]) -> None:
    from plimsoll.cli.carrying_calls import Carrier
    from plimsoll.cli.exits import Unusable
    from plimsoll.cli.gateway_pods import find_gateways
    from plimsoll.cli.output import note
    from plimsoll.cli.reaching import connected

    async with connected(through.where) as reached:
        gateways = await find_gateways(reached.client, reached.namespace)
        await gateways.check()
        try:
            await Carrier(gateways, note).run(port, listening)
        except OSError as error:
            raise Unusable(
                f"port {port} of this machine cannot be used: {(error.strerror or str(error)).lower()}",
                fix="choose another one, or leave --port out for one that is free",
            ) from None
