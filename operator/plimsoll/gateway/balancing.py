"""Which of its backends a call goes to: the least busy that is well, then the Service of the model, then nobody."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from plimsoll.gateway.endpoints import Target, pod, provider, service
from plimsoll.gateway.retries import RetryBudget
from plimsoll.routing.document import Document, Hosted, Provider, Served


class Balancer:
    """Of one model."""

    def __init__(self, upstream: Hosted | Provider) -> None:
        self.budget = RetryBudget()
        self._upstream: Hosted | Provider | None = None
        self._targets: list[Target] = []
        # For when no pod is known, or all are away.
        self._service: Target | None = None
        self._turns = 0
        self.follow(upstream)

    @property
    def targets(self) -> Iterator[Target]:
        yield from self._targets
        if self._service is not None:
            yield self._service

    def follow(self, upstream: Hosted | Provider) -> None:
        """Whoever stays keeps what is known about it."""
        if upstream is self._upstream:
            return
        self._upstream = upstream
        if isinstance(upstream, Provider):
            found, door = [provider(upstream)], None
        else:
            found = [pod(each) for each in upstream.endpoints]
            door = service(upstream.service) if upstream.service else None
        known = {(each.name, each.base): each for each in self.targets}
        self._targets = [_same(known, each) for each in found]
        self._service = door and _same(known, door)

    def first(self, now: float) -> Target | None:
        """None only where a call now would be one too many: everybody has said until when not to be asked."""
        found = self._best(now, ()) or self._least_bad(now)
        return None if found is None else self._taken(found)

    def another(self, now: float, tried: Collection[Target]) -> Target | None:
        """For a second try: somebody who is well, or nobody."""
        found = self._best(now, tried)
        return None if found is None else self._taken(found)

    def busy_for(self, now: float) -> float:
        """Until somebody may be asked again."""
        return max(0.0, min((each.busy_until for each in self._targets), default=now) - now)

    def _best(self, now: float, tried: Collection[Target]) -> Target | None:
        free = [each for each in self._targets if each.free(now)]
        if free:
            return min(free, key=lambda each: (each in tried, each.outstanding, each.turn))
        door = self._service
        return door if door is not None and door.free(now) and not self._all_busy(now) else None

    def _least_bad(self, now: float) -> Target | None:
        """Everybody is away: one call each may find out whether that is still so."""
        if self._all_busy(now):
            return None
        away = [each for each in self.targets if not each.draining and now >= each.busy_until]
        return min(away, key=lambda each: (each.away_until, each.turn), default=None)

    def _all_busy(self, now: float) -> bool:
        """The Service leads to the same pods: it is no way around what they ask for."""
        open_ = [each for each in self._targets if not each.draining]
        return bool(open_) and all(now < each.busy_until for each in open_)

    def _taken(self, target: Target) -> Target:
        self._turns += 1
        target.turn = self._turns
        return target


class Balancers:
    """By the name of the model."""

    def __init__(self) -> None:
        self._known: dict[str, Balancer] = {}

    def of(self, model: str, served: Served) -> Balancer:
        found = self._known.get(model)
        if found is None:
            found = self._known[model] = Balancer(served.upstream)
        else:
            found.follow(served.upstream)
        return found

    def heard(self, document: Document) -> None:
        """Forgets models that are gone."""
        for name in self._known.keys() - document.models.keys():
            del self._known[name]

    def targets(self) -> Iterator[Target]:
        for each in self._known.values():
            yield from each.targets


def _same(known: dict[tuple[str, str], Target], new: Target) -> Target:
    found = known.get((new.name, new.base))
    if found is None:
        return new
    found.draining, found.credential = new.draining, new.credential
    return found
