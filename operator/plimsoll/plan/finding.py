"""Something that keeps a model from being served, in one word for programs and one sentence for people."""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.api.reasons import Reason


@dataclass(frozen=True, slots=True)
class Finding:
    """The message has what was seen; what to do about it is added from the reason when it is told."""

    reason: Reason
    message: str

    @property
    def told(self) -> str:
        """What was seen, then what to do."""
        return f"{self.message.rstrip('.')}. {self.reason.fix}".strip()
