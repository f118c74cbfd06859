"""What a Secret may open: its keys, and the hosts that its owner lets it be sent to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from yarl import URL

from plimsoll.api.reasons import Reason
from plimsoll.weights.trouble import SourceTrouble

_HOSTS = "hosts"
_BETWEEN = re.compile(r"[\s,]+")
_SENDABLE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Credential:
    """The data of a Secret, decoded. It is never printed: neither whole nor in part."""

    data: Mapping[str, str] = field(repr=False)

    def released_to(self, url: URL, own: str) -> None:
        """Raises SourceTrouble unless the owner lists this host. `own` is the one host that needs no list."""
        host = str(url.raw_host).lower()
        listed = [each for each in _BETWEEN.split(self.data.get(_HOSTS, "").lower()) if each]
        if host in listed or f"{host}:{url.port}" in listed or (not listed and host == own):
            return
        allowed = f"only {', '.join(listed[:5])}" if listed else "no host"
        raise SourceTrouble(
            Reason.HOST_NOT_ALLOWED, f"the Secret lists {allowed} in `{_HOSTS}`, and would be sent to {host}"
        )

    def value(self, key: str) -> str:
        found = self.data.get(key, "").strip()
        if not _SENDABLE.fullmatch(found):
            state = "holds characters that no header takes" if found else "is missing or empty"
            raise SourceTrouble(Reason.SECRET_MISSING, f"the data field `{key}` of the Secret {state}")
        return found


def bearer(credential: Credential | None, url: URL, own: str) -> dict[str, str]:
    """The header that opens a private source, for this host only; none where there is no Secret."""
    if credential is None:
        return {}
    credential.released_to(url, own)
    return {"Authorization": f"Bearer {credential.value('token')}"}
