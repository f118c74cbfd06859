"""What an operator has said in one conversation, put together to the document that it means."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from plimsoll.routing.changes import Gap, SchemaTooNew, apply
from plimsoll.routing.document import Document
from plimsoll.routing.encoding import decode

_LOG = logging.getLogger(__name__)


class Understanding:
    """Changes are put on what this operator has sent, and never on what another one had said before."""

    def __init__(self) -> None:
        # None while the next thing that can be used is a whole document.
        self.document: Document | None = None
        # To be sent to the operator, once for each gap.
        self.ask_again = False
        self._asked = False
        # How often the operator has said what only a newer gateway can read.
        self.too_new = 0

    def hear(self, messages: Iterable[bytes]) -> None:
        """Raises UnreadableRouting."""
        for each in messages:
            try:
                self._hear(each)
            except SchemaTooNew as error:
                if not self.too_new:
                    _LOG.error("the last good routing document goes on to count, because %s", error.message)
                self.too_new += 1
                self.document = None
            except Gap as gap:
                _LOG.warning("something was missed, so the whole routing document is asked for: %s", gap)
                self.document = None
                self._ask()

    def _hear(self, data: bytes) -> None:
        said = decode(data)
        if isinstance(said, Document):
            self.document = said
            self._asked = self.ask_again = False
        elif self.document is not None:
            self.document = apply(self.document, said)
        elif not self._asked:
            self._ask()

    def _ask(self) -> None:
        self._asked = self.ask_again = True
