"""The way to the operator: every address of its name, over TLS, with what lies in two files at this moment."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Literal

import aiohttp
from aiohttp import ClientSession, ClientWebSocketResponse, ClientWSTimeout, DummyCookieJar, TCPConnector

from plimsoll.gateway.settings import Operator
from plimsoll.routing.conversation import LARGEST_FROM_OPERATOR, PATH

# Of one address: to its handshake, and to its answer, for which it asks the API server. Also for a name.
_CONNECT_SECONDS = 2.0
_ANSWER_SECONDS = 5.0
# For the other side to say goodbye, too.
_GOODBYE_SECONDS = 2.0
_TOKEN = re.compile(r"[\x21-\x7e]+")


class Reason(StrEnum):
    """Why there is no conversation, or no longer one."""

    UNPREPARED = "unprepared"
    UNKNOWN_HOST = "unknown_host"
    UNREACHABLE = "unreachable"
    UNTRUSTED = "untrusted"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_LEADING = "not_leading"
    REFUSED = "refused"
    SILENT = "silent"
    CLOSED = "closed"
    LOST = "lost"
    DAMAGED = "damaged"


class Unanswered(Exception):
    """In words that are for the log: never with anything of the token."""

    def __init__(self, reason: Reason, words: str) -> None:
        super().__init__(words)
        self.reason = reason


_REFUSALS: Mapping[int, tuple[Reason, str]] = {
    HTTPStatus.UNAUTHORIZED: (Reason.UNAUTHORIZED, "it does not accept the token of this gateway"),
    HTTPStatus.FORBIDDEN: (Reason.FORBIDDEN, "the token is good, and its account may not follow"),
    HTTPStatus.SERVICE_UNAVAILABLE: (Reason.NOT_LEADING, "it does not lead, or has no routing document yet"),
}


# With the text of messages as bytes.
Socket = ClientWebSocketResponse[Literal[False]]


@dataclass(frozen=True, slots=True)
class Papers:
    """Read anew for every connection, because both are replaced while this runs."""

    trust: ssl.SSLContext
    token: str = field(repr=False)


def papers_of(operator: Operator) -> Papers:
    """Raises Unanswered."""
    try:
        token = operator.token.read_text(encoding="ascii", errors="replace").strip()
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trust.load_verify_locations(operator.ca)
    except ssl.SSLError:
        raise Unanswered(Reason.UNPREPARED, f"{operator.ca} holds no certificate") from None
    except OSError as error:
        # The one that is missing is not always named.
        which = error.filename or operator.ca
        raise Unanswered(Reason.UNPREPARED, f"{which} cannot be read: {error.strerror}") from None
    if not _TOKEN.fullmatch(token):
        raise Unanswered(Reason.UNPREPARED, f"{operator.token} holds no token")
    return Papers(trust, token)


async def resolve(host: str, port: int) -> list[str]:
    """Every address once. Raises Unanswered."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise Unanswered(Reason.UNKNOWN_HOST, f"nobody says which addresses {host} has") from None
    except OSError as error:
        raise Unanswered(Reason.UNKNOWN_HOST, f"{host} has no address: {error.strerror}") from None
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def new_session() -> ClientSession:
    """No connection is kept for another one: the next may have to show another token, and trust another CA."""
    return ClientSession(
        connector=TCPConnector(force_close=True),
        cookie_jar=DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
    )


async def dial(session: ClientSession, operator: Operator, address: str, papers: Papers) -> Socket:
    """The certificate is held against the name, whichever address answers. Raises Unanswered."""
    where = f"[{address}]" if ":" in address else address
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await session.ws_connect(
                f"wss://{where}:{operator.port}{PATH}",
                ssl=papers.trust,
                server_hostname=operator.host,
                headers={"host": f"{operator.host}:{operator.port}", "authorization": f"Bearer {papers.token}"},
                timeout=ClientWSTimeout(ws_close=_GOODBYE_SECONDS),
                max_msg_size=LARGEST_FROM_OPERATOR,
                # Pings are words, too, and are answered by whoever notes when the last one came.
                autoping=False,
                decode_text=False,
            )
    except aiohttp.WSServerHandshakeError as error:
        usual = (Reason.REFUSED, f"it answers with status {error.status}")
        raise Unanswered(*_REFUSALS.get(error.status, usual)) from None
    except (aiohttp.ClientSSLError, ssl.SSLError) as error:
        raise Unanswered(Reason.UNTRUSTED, f"it is not who the CA says: {_in_words(error)}") from None
    except TimeoutError:
        raise Unanswered(Reason.UNREACHABLE, "it does not answer in time") from None
    except (aiohttp.ClientError, OSError) as error:
        raise Unanswered(Reason.UNREACHABLE, f"it does not answer: {_in_words(error)}") from None


def _in_words(error: Exception) -> str:
    """Not the whole error: what was sent stands in some of them."""
    inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    return getattr(inner, "verify_message", None) or getattr(inner, "strerror", None) or type(inner).__name__
