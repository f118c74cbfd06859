"""One question to a gateway, and its answer as it comes: with nothing but the standard library."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import SplitResult, urlsplit

from plimsoll.api.quoting import quoted
from plimsoll.cli.exits import ClusterTrouble, ExitCode, Failed, Unusable

# A gateway says something every few seconds, be it that it is still there.
_SILENCE_SECONDS = 120.0
_LONGEST_ERROR = 65_536
_DONE = "[DONE]"
_NEW_KEY = "export PLIMSOLL_API_KEY=$(plimsoll key create NAME -o plain)"


@dataclass(frozen=True)
class Target:
    """Which gateway, and with which key."""

    url: str
    key: str | None = field(repr=False)

    def address(self) -> SplitResult:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Unusable(f"{quoted(self.url)} is no address of a gateway", fix="write it as http://HOST:PORT/v1")
        return parts

    def connection(self) -> HTTPConnection:
        parts = self.address()
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        return kind(parts.hostname or "", parts.port, timeout=_SILENCE_SECONDS)

    @property
    def path(self) -> str:
        path = self.address().path.rstrip("/")
        return f"{path if path.endswith('/v1') else path + '/v1'}/chat/completions"

    @property
    def headers(self) -> dict[str, str]:
        key = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return {"Content-Type": "application/json", "Accept": "text/event-stream", "User-Agent": "plimsoll", **key}


@dataclass
class Reply:
    """What was heard so far."""

    text: str = ""
    finish: str | None = None
    usage: dict[str, int] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    first: float | None = None
    seconds: float = 0.0

    def header(self, name: str) -> str | None:
        return self.headers.get(name)


def ask(target: Target, request: dict[str, Any], heard: Callable[[str], None]) -> Reply:
    """`heard` gets each piece as it comes. Whatever is no whole answer is raised."""
    began = time.monotonic()
    body = json.dumps({**request, "stream": True, "stream_options": {"include_usage": True}}).encode()
    connection = target.connection()
    try:
        connection.request("POST", target.path, body, target.headers)
        response = connection.getresponse()
        reply = Reply(headers={name.lower(): value for name, value in response.getheaders()})
        if response.status != 200:
            raise _refusal(response.status, response.read(_LONGEST_ERROR), reply, request["model"])
        _read(response, reply, began, heard)
    except (OSError, HTTPException) as error:
        raise ClusterTrouble(
            f"the gateway at {target.address().netloc} does not answer: {quoted(str(error)) or type(error).__name__}",
            fix="see whether it runs: kubectl get pods -A -l app.kubernetes.io/component=gateway",
        ) from None
    finally:
        connection.close()
    reply.seconds = time.monotonic() - began
    return reply


def _read(response: HTTPResponse, reply: Reply, began: float, heard: Callable[[str], None]) -> None:
    for line in response:
        name, _, value = line.decode(errors="replace").partition(":")
        if name != "data":
            continue
        if value.strip() == _DONE:
            return
        if piece := _understood(value, reply):
            if reply.first is None:
                reply.first = time.monotonic() - began
            reply.text += piece
            heard(piece)
    raise ClusterTrouble("the answer broke off in the middle", fix=f"ask again; the request was {_id_of(reply)}")


def _understood(value: str, reply: Reply) -> str:
    try:
        event = json.loads(value)
    except ValueError:
        raise ClusterTrouble(f"the gateway sent what is no event: {quoted(value)}", fix="check the --url") from None
    if error := event.get("error"):
        raise ClusterTrouble(
            f"the answer broke off: {quoted(str(error.get('message')))} ({error.get('code')})",
            fix=f"ask again; the request was {_id_of(reply)}",
        )
    reply.usage = _usage(event.get("usage")) or reply.usage
    for choice in event.get("choices") or ():
        reply.finish = choice.get("finish_reason") or reply.finish
        return str((choice.get("delta") or {}).get("content") or "")
    return ""


def _usage(told: Any) -> dict[str, int] | None:
    names = ("prompt", "completion", "total")
    counts = {name: told.get(f"{name}_tokens") for name in names} if isinstance(told, dict) else {}
    found = {name: count for name, count in counts.items() if isinstance(count, int)}
    return found if len(found) == len(names) else None


def _id_of(reply: Reply) -> str:
    return reply.header("x-request-id") or "without an id"


class Refused(Failed):
    """The gateway's own no, with its exit code."""

    def __init__(self, message: str, *, fix: str, code: ExitCode) -> None:
        super().__init__(message, fix=fix)
        self.code = code


def _refusal(status: int, body: bytes, reply: Reply, model: str) -> Refused:
    try:
        error = json.loads(body)["error"]
        words, code = str(error["message"]), error.get("code") or status
    except (ValueError, KeyError, TypeError):
        words, code = body.decode(errors="replace") or "no words", status
    return Refused(f"{quoted(words)} ({code})", fix=_fix(status, reply, model), code=_code(status))


def _code(status: int) -> ExitCode:
    if status == 404:
        return ExitCode.NOT_FOUND
    return ExitCode.CLUSTER if status >= 500 else ExitCode.NO


def _fix(status: int, reply: Reply, model: str) -> str:
    later = reply.header("retry-after")
    if status == 401:
        return f"use a key that is good here: {_NEW_KEY}"
    if status == 404:
        return "see which models there are: plimsoll get -A"
    if status == 429:
        return f"ask again in {later} s" if later else "ask for less, or for a higher limit"
    if status >= 500:
        again = f"ask again in {later} s; " if later else ""
        return f"{again}see how it is: plimsoll status {model.rpartition('/')[2]}"
    return "change what the message names; docs/requests.md has every code"
