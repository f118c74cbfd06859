"""The back of the gateway: a call that was let in goes to a backend, or to another one, and leaves its records."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from plimsoll.cost.record import Outcome
from plimsoll.gateway.attempts import Attempt, Failure, House, blame, stopped_by
from plimsoll.gateway.balancing import Balancer, Balancers
from plimsoll.gateway.call import Call
from plimsoll.gateway.endpoints import Target
from plimsoll.gateway.errors import ApiError, Code
from plimsoll.gateway.metrics import Metrics
from plimsoll.gateway.outside import dialling
from plimsoll.gateway.probing import Prober
from plimsoll.gateway.recording import Recorder, settle
from plimsoll.gateway.retries import MOST_ATTEMPTS
from plimsoll.gateway.settings import OnRecordsFailure
from plimsoll.gateway.streaming import answer_stream
from plimsoll.gateway.upstream import new_session
from plimsoll.gateway.whole import answer_whole
from plimsoll.ledger.writer import Writer
from plimsoll.routing.document import Document
from plimsoll.weights.addresses import Network


class Carrier:
    """Made, used and closed within one event loop."""

    def __init__(
        self,
        writer: Writer,
        metrics: Metrics,
        on_failure: OnRecordsFailure,
        clock: Callable[[], float] = time.monotonic,
        provider_networks: Sequence[Network] = (),
    ) -> None:
        session = new_session()
        self._house = House(
            session=session,
            outside=new_session(dialling(provider_networks)),
            recorder=Recorder(writer, metrics, on_failure),
            metrics=metrics,
            clock=clock,
        )
        self._balancers = Balancers()
        self._prober = Prober(session, self._balancers.targets, clock)

    def heard(self, document: Document) -> None:
        """Of a new routing document."""
        self._balancers.heard(document)

    async def close(self) -> None:
        await self._prober.close()
        await self._house.session.close()
        await self._house.outside.close()

    async def carry(self, call: Call) -> None:
        """Raises ApiError as long as the answer has not begun; from then on it tells what goes wrong itself."""
        self._house.recorder.require_room()
        try:
            await _Carrying(self._house, self._balancers.of(call.model.full_name, call.served), call).run()
        except ApiError as error:
            settle(call)
            if not call.responder.started:
                raise
            call.error = error.code
            await call.responder.finish(error.event(call.id))


class _Carrying:
    def __init__(self, house: House, balancer: Balancer, call: Call) -> None:
        self._house = house
        self._balancer = balancer
        self._call = call
        self._tried: list[Target] = []
        self._deadline = call.stopped.get_loop().time() + call.served.timeouts.total

    async def run(self) -> None:
        """Raises ApiError."""
        if self._call.stopped.done():
            self._stop(self._call.stopped.result())
            return
        self._balancer.budget.earn()
        target = self._balancer.first(self._house.clock())
        if target is None:
            raise self._nobody()
        while target is not None:
            failure = await self._attempt(target)
            if failure is None:
                return
            if self._call.stopped.done():
                self._stop(failure.outcome)
                return
            target = self._another(failure)
            if target is None:
                raise failure.error

    async def _attempt(self, target: Target) -> Failure | None:
        house, call = self._house, self._call
        self._tried.append(target)
        attempt = Attempt(call, len(self._tried), target, house.clock(), house.wall_ns())
        target.begin(attempt.started)
        try:
            if call.request.stream:
                await answer_stream(house, attempt)
            else:
                await answer_whole(house, attempt, self._deadline)
        except Failure as failure:
            now = house.clock()
            blame(target, failure, now)
            house.recorder.write(call, attempt.record(failure.outcome, failure.count, now))
            return failure
        finally:
            target.outstanding -= 1
        return None

    def _another(self, failure: Failure) -> Target | None:
        """Asked last is the budget: what cannot be used must not be spent."""
        if not failure.again or len(self._tried) >= MOST_ATTEMPTS:
            return None
        found = self._balancer.another(self._house.clock(), self._tried)
        return found if found is not None and self._balancer.budget.spend() else None

    def _stop(self, outcome: Outcome) -> None:
        """A client who went away needs no words."""
        settle(self._call)
        if outcome is not Outcome.CANCELLED:
            raise stopped_by(outcome).error

    def _nobody(self) -> ApiError:
        pause = self._balancer.busy_for(self._house.clock())
        if pause:
            return ApiError(Code.UPSTREAM_RATE_LIMITED, retry_after=pause)
        return ApiError(Code.UPSTREAM_UNREACHABLE, retry_after=1)
