"""Why a source could not be read, in the words of the contract, and without a word that has to stay secret."""

from __future__ import annotations

from yarl import URL

from plimsoll.api.reasons import Reason
from plimsoll.errors import UserError
from plimsoll.plan.finding import Finding
from plimsoll.plan.gguf import BadHeader, NotGGUF
from plimsoll.plan.sizing_cache import CannotSize

_LONGEST_TOLD = 200


class SourceTrouble(UserError):
    """A source cannot be read now, or never as it is written; the reason says which."""

    def __init__(self, reason: Reason, message: str, *, fix: str | None = None) -> None:
        super().__init__(message, fix=fix or reason.fix)
        self.reason = reason

    @property
    def finding(self) -> Finding:
        """For a status: it adds the fix of the reason by itself, so only a fix of our own goes along."""
        own = "" if self.fix == self.reason.fix else f": {self.fix}"
        return Finding(self.reason, f"{self.message}{own}")


def unreadable(error: BadHeader | NotGGUF | CannotSize, where: str) -> SourceTrouble:
    """What is wrong with a file that was read."""
    reason = Reason.MODEL_UNSUPPORTED if isinstance(error, CannotSize) else Reason.NOT_A_MODEL
    return SourceTrouble(reason, f"{where}: {error.message}", fix=error.fix)


def told(url: URL) -> str:
    """An address as messages may have it: user names, queries and fragments can hold keys."""
    port = "" if url.explicit_port is None else f":{url.explicit_port}"
    text = f"{url.scheme}://{url.raw_host}{port}{url.raw_path}"
    plain = "".join(letter if letter.isprintable() else "?" for letter in text)
    return plain if len(plain) <= _LONGEST_TOLD else f"{plain[: _LONGEST_TOLD - 1]}…"
