"""What an API server says no with, as types: translated at the door, so that nobody else reads status codes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from plimsoll.errors import UserError

_RIGHT_MISSING = re.compile(r'User "[^"]*" cannot (?P<verb>\S+) resource "(?P<resource>[^"]+)"')
# How an apply with a uid is refused when the name belongs to another object by now.
_OTHER_UID = "metadata.uid: Invalid value"
# What a 500 says when it is about one object only: a webhook that fails, and a field that an apply does not know.
_OF_ONE_OBJECT = ("failed calling webhook", "failed to create typed patch object")
_WAITING = "wait until it answers again; it is tried again by itself"


class ClusterError(UserError):
    """An answer of the API server that is not the wanted one."""


class Conflict(ClusterError):
    """The object has moved on since it was read."""

    def __init__(self, message: str) -> None:
        super().__init__(message, fix="read it again and decide again")


class NotFound(ClusterError):
    """There is no such object, or no such kind."""

    def __init__(self, message: str) -> None:
        super().__init__(message, fix="check the name and the namespace, and that Plimsoll's CRDs are applied")


class Refused(ClusterError):
    """The server or a policy of the cluster does not take this object; the message has its own words."""

    def __init__(self, message: str) -> None:
        super().__init__(message, fix="change what the message names")


class Forbidden(ClusterError):
    """A right is missing; `verb` and `resource` name it."""

    def __init__(self, message: str, verb: str, resource: str) -> None:
        super().__init__(message, fix=f"let an administrator allow `{verb}` on `{resource}`")
        self.verb = verb
        self.resource = resource


class NameTaken(ClusterError):
    """An object of that name belongs to somebody else."""

    def __init__(self, message: str) -> None:
        super().__init__(message, fix="use another name, or move the object that has it")


class Unauthorized(ClusterError):
    def __init__(self, message: str) -> None:
        super().__init__(message, fix="log in again: the credentials of the kubeconfig are not accepted any more")


class Expired(ClusterError):
    """The server remembers no longer what happened since this resourceVersion."""

    def __init__(self, message: str) -> None:
        super().__init__(message, fix="list again and watch from there")


class Unavailable(ClusterError):
    """The server cannot answer now. `retry_after` is in seconds, where it named a time."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message, fix=_WAITING)
        self.retry_after = retry_after


_PLAIN = {401: Unauthorized, 404: NotFound, 409: Conflict, 410: Expired}
_AWAY = frozenset({429, 500, 502, 503, 504})


def error_from(status: int, body: bytes, headers: Mapping[str, str]) -> ClusterError:
    told = _told(body)
    message = str(told.get("message") or f"the API server answered {status}")
    if status == 500 and any(words in message for words in _OF_ONE_OBJECT):
        # The server itself is well.
        return Refused(message)
    if status in _AWAY:
        return Unavailable(message, _seconds(headers.get("Retry-After")))
    if status == 403:
        return _forbidden(message, told)
    if status == 422 and _OTHER_UID in message:
        return Conflict(message)
    return _PLAIN.get(status, Refused)(message)


def _forbidden(message: str, told: Mapping[str, Any]) -> ClusterError:
    causes = (told.get("details") or {}).get("causes") or []
    if any(cause.get("reason") == "NamespaceTerminating" for cause in causes):
        return NotFound(message)
    if missing := _RIGHT_MISSING.search(message):
        return Forbidden(message, missing["verb"], missing["resource"])
    return Refused(message)


def _told(body: bytes) -> Mapping[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    return told if isinstance(told, dict) else {}


def _seconds(header: str | None) -> float | None:
    # Kubernetes sends seconds; a date, which proxies may send, is answered with our own patience.
    return float(header) if header and header.isdigit() else None
