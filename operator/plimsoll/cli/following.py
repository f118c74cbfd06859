"""From which of the two a gateway has its routing document, as its options say it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from plimsoll.errors import UserError
from plimsoll.gateway.settings import Operator
from plimsoll.routing.conversation import PORT

if TYPE_CHECKING:
    from plimsoll.cli.gateway import Routing


class UnclearRouting(UserError):
    def __init__(self, message: str) -> None:
        super().__init__(
            message, fix="give --routing FILE, or --operator HOST:PORT with --operator-ca and --operator-token"
        )


def routing_of(given: Routing) -> Path | Operator:
    """Raises UnclearRouting."""
    beside = {
        "--operator-ca": given.operator_ca, "--operator-token": given.operator_token, "--copy": given.copy
    }  # fmt: skip
    if given.operator is None:
        unused = [option for option, value in beside.items() if value is not None]
        if unused:
            raise UnclearRouting(f"{unused[0]} is only of use with --operator")
        if given.routing is None:
            raise UnclearRouting("nothing says where the routing document comes from")
        return given.routing
    if given.routing is not None:
        raise UnclearRouting("--routing and --operator are two sources of one document")
    if given.operator_ca is None or given.operator_token is None:
        missing = next(option for option, value in beside.items() if value is None)
        raise UnclearRouting(f"--operator needs {missing}")
    host, port = _address(given.operator)
    return Operator(host=host, port=port, ca=given.operator_ca, token=given.operator_token, copy=given.copy)


def _address(text: str) -> tuple[str, int]:
    """An address of IPv6 stands in brackets."""
    host, colon, port = text.rpartition(":")
    if not colon or (host.startswith("[") and not host.endswith("]")):
        host, port = text, str(PORT)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UnclearRouting(f"--operator is no HOST:PORT: {text}")
    return host, int(port)
