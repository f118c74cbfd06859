"""What was used goes into the journal before the client has the last byte, and everything that counts reads that."""

from __future__ import annotations

import logging

from plimsoll.cost.record import Record, Tokens
from plimsoll.gateway.call import Call
from plimsoll.gateway.errors import ApiError, Code
from plimsoll.gateway.metrics import Metrics
from plimsoll.gateway.settings import OnRecordsFailure
from plimsoll.ledger.trouble import LedgerTrouble
from plimsoll.ledger.writer import Writer

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 5
NOTHING_MORE = Tokens()


class Recorder:
    def __init__(self, writer: Writer, metrics: Metrics, on_failure: OnRecordsFailure) -> None:
        self._writer = writer
        self._metrics = metrics
        self._serves = on_failure is OnRecordsFailure.SERVE
        # Told once, and not for every call, until it is over.
        self._told = False

    def require_room(self) -> None:
        """Raises ApiError where a call should not be made, as what it takes could not be recorded."""
        try:
            self._writer.require_room()
        except LedgerTrouble as trouble:
            self._tell(trouble)
            if not self._serves:
                raise _unwritable() from None

    def write(self, call: Call, record: Record) -> None:
        """Raises ApiError where the answer must not go out as if everything were right."""
        try:
            self._writer.write(record)
        except LedgerTrouble as trouble:
            self._tell(trouble)
            if not self._serves:
                raise _unwritable() from None
        else:
            self._told = False
        call.records.append(record)
        self._metrics.recorded(record)

    def write_last(self, call: Call, record: Record) -> None:
        """The one that the answer ends with: what the call holds is settled by what all of its attempts took."""
        settle(call, record.tokens)
        self.write(call, record)

    def _tell(self, trouble: LedgerTrouble) -> None:
        if self._told:
            return
        self._told = True
        how = "calls are served without records" if self._serves else "calls are refused"
        _LOG.error("%s: %s", how, trouble)


def settle(call: Call, more: Tokens = NOTHING_MORE) -> None:
    """The first time counts."""
    call.hold.settle(sum(each.tokens.total for each in call.records) + more.total)


def _unwritable() -> ApiError:
    return ApiError(Code.RECORDS_UNWRITABLE, retry_after=_RETRY_SECONDS)
