"""Which cluster and which namespace a verb speaks of, and how it gets there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from plimsoll.cluster.client import Client
    from plimsoll.cluster.errors import ClusterError

# What the API server notes about our writes.
FIELD_MANAGER = "plimsoll-cli"

Answer = TypeVar("Answer")
Object = dict[str, Any]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a ModelConfig.")]
AllNamespaces = Annotated[bool, typer.Option("--all-namespaces", "-A", help="In every namespace.")]


Namespace = Annotated[str | None, typer.Option("--namespace", "-n", help="Default: the namespace of the context.")]
Context = Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig. Default: the current one.")]
Kubeconfig = Annotated[Path | None, typer.Option("--kubeconfig", help="Default: $KUBECONFIG, else ~/.kube/config.")]


@dataclass(frozen=True)
class Where:
    """What the command line says about the cluster."""

    namespace: Namespace = None
    context: Context = None
    kubeconfig: Kubeconfig = None


@dataclass(frozen=True, slots=True)
class Reached:
    """A cluster that answers, and the namespace that is meant where nobody names one."""

    client: Client
    namespace: str

    async def model_config(self, name: str) -> Object:
        from plimsoll.cluster.kinds import MODEL_CONFIG

        return await self.client.get(MODEL_CONFIG, self.namespace, name)

    async def model_configs(self, *, everywhere: bool = False) -> list[Object]:
        from plimsoll.cluster.kinds import MODEL_CONFIG

        return await self.client.list(MODEL_CONFIG, None if everywhere else self.namespace)


def asked(where: Where, question: Callable[[Reached], Awaitable[Answer]]) -> Answer:
    """The answer of a cluster; what the cluster says no with ends the command in words."""
    import asyncio

    async def through() -> Answer:
        async with connected(where) as reached:
            return await question(reached)

    with in_words():
        return asyncio.run(through())


@contextmanager
def in_words() -> Iterator[None]:
    """What a cluster says no with, as an error of the command."""
    from plimsoll.cluster.errors import ClusterError
    from plimsoll.cluster.login import CannotLogIn

    try:
        yield
    except ClusterError as error:
        raise _ended(error) from None
    except CannotLogIn as error:
        from plimsoll.cli.exits import ClusterTrouble

        raise ClusterTrouble(error.message, fix=error.fix) from None


@asynccontextmanager
async def connected(where: Where) -> AsyncIterator[Reached]:
    from plimsoll.cluster.client import Client
    from plimsoll.cluster.login import CannotLogIn, log_in

    if where.kubeconfig and not where.kubeconfig.is_file():
        raise CannotLogIn(f"there is no file {where.kubeconfig}")
    login = await log_in(where.kubeconfig, where.context)
    async with login.session() as session:
        yield Reached(Client(session, login.server), where.namespace or login.namespace)


def _ended(error: ClusterError) -> Exception:
    from plimsoll.cli.exits import ClusterTrouble, NotThere
    from plimsoll.cluster.errors import Conflict, NotFound, Unavailable

    if isinstance(error, NotFound):
        # An object that is missing is named; what names nothing speaks of the whole kind.
        if '" not found' not in error.message:
            return ClusterTrouble(
                "this cluster does not know this kind of object",
                fix="apply the kinds: plimsoll crds | kubectl apply -f -",
            )
        if error.message.startswith("namespaces "):
            return NotThere(error.message, fix="correct it, or create it with kubectl create namespace")
        listing = "key list" if error.message.startswith("modelkeys.") else "get"
        return NotThere(error.message, fix=f"see what is there: plimsoll {listing} -A")
    if isinstance(error, Unavailable):
        return ClusterTrouble(
            f"the cluster does not answer: {error.message}",
            fix="see whether it runs (kubectl cluster-info), and whether --context and --kubeconfig name the right one",
        )
    if isinstance(error, Conflict):
        return ClusterTrouble(error.message, fix="somebody else changed it at the same time: run this again")
    return ClusterTrouble(error.message, fix=error.fix)
