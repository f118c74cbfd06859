"""Every ModelKey that was heard of, and what each of them opens.

What a key opens depends only on those that claim the same hashes, so a change settles these anew and no others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from plimsoll.api.reasons import Reason
from plimsoll.api.teams import Team
from plimsoll.cluster.kinds import Object
from plimsoll.cluster.watching import Identity
from plimsoll.controller.heard_key import HeardKey, heard, key_of
from plimsoll.plan.finding import Finding
from plimsoll.plan.key_status import Outcome, finding_of
from plimsoll.plan.observed import Key
from plimsoll.routing import claims
from plimsoll.routing.claims import Claims, HashTaken, KeyFacts, Refusal
from plimsoll.routing.document import Key as Opening


class KeyStore:
    def __init__(self) -> None:
        self._keys: dict[Key, HeardKey] = {}
        self._claimants: dict[str, set[Key]] = {}
        # What has to be settled, with the hashes that it claimed before.
        self._touched: dict[Key, set[str]] = {}
        self._opened: dict[str, Opening] = {}
        self._opened_by: dict[Key, tuple[str, ...]] = {}
        self._refused: dict[str, Refusal] = {}

    def put(self, seen: Object) -> bool:
        """Whether it is newer than what was known and says something new."""
        key, now = key_of(seen), heard(seen)
        before = self._keys.get(key)
        if before is not None and before.version >= now.version:
            return False
        self._keys[key] = now
        if before is not None and before.says_the_same(now):
            return False
        self._touch(key, before)
        for digest in now.hashes:
            self._claimants.setdefault(digest, set()).add(key)
        return True

    def remove(self, key: Key) -> bool:
        """Whether it was known."""
        before = self._keys.pop(key, None)
        if before is not None:
            self._touch(key, before)
        return before is not None

    def complete(self, namespace: str | None, there: AbstractSet[Identity], version: str) -> bool:
        """Forgets what a list of this version did not have; whether there was any."""
        missing = [
            key
            for key, known in self._keys.items()
            if namespace in (None, key.namespace)
            and (key.namespace, key.name) not in there
            and known.version <= int(version)
        ]
        for key in missing:
            self.remove(key)
        return bool(missing)

    def written(self, answer: Object) -> None:
        """What a write of the status made of a key: no news, and no way back for one that is gone meanwhile."""
        key, now = key_of(answer), heard(answer)
        before = self._keys.get(key)
        if before is not None and before.uid == now.uid and before.version < now.version:
            self._keys[key] = now

    def known(self, key: Key) -> HeardKey | None:
        return self._keys.get(key)

    def touch_all(self) -> None:
        """Who may charge which team is another matter now."""
        for key in self._keys:
            self._touched.setdefault(key, set())

    @property
    def is_settled(self) -> bool:
        return not self._touched

    def settle(self, teams: Sequence[Team], most: int) -> set[Key]:
        """About so many of what was touched; of which keys something else may be true now."""
        concerned, before = self._concerned(most), None
        while True:
            found = claims.settle(self._facts(concerned), teams)
            self._take_over(concerned, found)
            if not any(isinstance(each, HashTaken) for each in found.refused.values()) or found == before:
                return concerned
            # Whoever is refused has let go of what it held, which may be what another one waits for.
            before = found

    def _take_over(self, concerned: Iterable[Key], found: Claims) -> None:
        for key in concerned:
            self._refused.pop(str(key), None)
            for digest in self._opened_by.pop(key, ()):
                if digest not in found.opened:
                    self._opened.pop(digest, None)
            if key in self._keys:
                self._opened_by[key] = ()
        for digest, opening in found.opened.items():
            self._opened_by[Key(opening.namespace, opening.name)] += (digest,)
            # The very same entry tells gateways that nothing has changed.
            if self._opened.get(digest) != opening:
                self._opened[digest] = opening
        self._refused |= found.refused

    @property
    def claims(self) -> Claims:
        return Claims(self._opened, self._refused)

    def outcome(self, key: Key) -> Outcome:
        """Of a key that is known."""
        known = self._keys[key]
        if known.spec is None:
            return Outcome(obstacle=Finding(Reason.INVALID_SPEC, known.problem))
        if refusal := self._refused.get(str(key)):
            return Outcome(obstacle=finding_of(refusal, key.namespace))
        hashes = self._opened_by.get(key, ())
        return Outcome(self._opened[hashes[0]].team if hashes else None, hashes)

    def awaits(self, key: Key) -> bool:
        """Whether something was heard of it that is not settled yet."""
        return key in self._touched

    @property
    def size(self) -> int:
        return len(self._keys)

    @property
    def refused(self) -> int:
        return len(self._refused) + sum(known.spec is None for known in self._keys.values())

    def _touch(self, key: Key, before: HeardKey | None) -> None:
        hashes: AbstractSet[str] = before.hashes if before else frozenset()
        for digest in hashes:
            self._claimants[digest].discard(key)
            if not self._claimants[digest]:
                del self._claimants[digest]
        self._touched.setdefault(key, set()).update(hashes)

    def _concerned(self, most: int) -> set[Key]:
        """Some that were touched, and whoever claims a hash with them, be it by way of others."""
        concerned: set[Key] = set()
        while self._touched and len(concerned) < most:
            waiting = {next(iter(self._touched))}
            while waiting:
                key = waiting.pop()
                concerned.add(key)
                known = self._keys.get(key)
                hashes = self._touched.pop(key, set()) | (known.hashes if known else set())
                waiting |= {other for digest in hashes for other in self._claimants.get(digest, ())} - concerned
        return concerned

    def _facts(self, keys: Iterable[Key]) -> Iterator[KeyFacts]:
        for key in keys:
            known = self._keys.get(key)
            if known is not None and known.spec is not None:
                # The status tells what it opened before this process began; from then on nobody knows better.
                held = self._opened_by.get(key, known.status.get("hashes") or ())
                yield KeyFacts(key.namespace, key.name, known.spec, known.created, frozenset(held))
