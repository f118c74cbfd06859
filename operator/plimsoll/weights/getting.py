"""`plimsoll fetch get`: the weights of one source into one folder, by one process at a time, and seldom twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from plimsoll.api.reasons import Reason
from plimsoll.weights.asking import Asking
from plimsoll.weights.client import Client, Limits
from plimsoll.weights.contents import check_beside, check_model
from plimsoll.weights.credentials import Credential
from plimsoll.weights.downloading import Download, FileChangedError, Pace
from plimsoll.weights.eviction import Cache, make_room
from plimsoll.weights.folder import Folder, require_places
from plimsoll.weights.folder_lock import FolderLock, LockLost, Owner, Patience
from plimsoll.weights.guard import Guard, Resolve, system_resolve
from plimsoll.weights.model_files import ModelReader
from plimsoll.weights.partial import Partial
from plimsoll.weights.progress import Progress
from plimsoll.weights.ranged import HeaderReader
from plimsoll.weights.remote_files import RemoteFile, Wanted, remote_files
from plimsoll.weights.trouble import SourceTrouble
from plimsoll.weights.volume import disk_full, free_bytes, writing

# Eight tries in a row without a byte: about two minutes. Then the container ends, and its own pauses begin.
_MOST_CHANGES = 3
_PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)


@dataclass(frozen=True, slots=True)
class Order:
    """What to bring, and where to."""

    wanted: Wanted
    folder: Folder
    credential: Credential | None = None
    private_networks: tuple[str, ...] = ()
    cache: Cache | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a process lives in: clocks, names, the log, and how patient it is."""

    owner: Owner
    say: Callable[[str], None]
    resolve: Resolve = system_resolve
    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    limits: Limits = field(default_factory=Limits)
    patience: Patience = field(default_factory=Patience)
    pace: Pace = field(default_factory=Pace)
    pauses: Sequence[float] = _PAUSES


async def get(order: Order, surroundings: Surroundings) -> None:
    """Returns when every file lies in the folder and has been checked. Raises SourceTrouble."""
    folder, around = order.folder, surroundings
    folder.use()
    while not folder.is_complete():
        lock = FolderLock(folder.own, around.owner, around.patience, around.monotonic)
        if not await lock.take(folder.is_complete, around.say):
            break
        try:
            async with lock:
                if not await _checked_again(folder, around, lock):
                    await _Getting(order, around, lock).run()
                around.say("all files are here, and have been checked")
                return
        except LockLost:
            around.say("another process took this one for dead and goes on with the download")
    around.say("all files are here already: nothing is downloaded")


async def _checked_again(folder: Folder, around: Surroundings, lock: FolderLock) -> bool:
    """Whether all that changed is how files were left, and not what is in them. Nobody has to be asked then either."""
    files = await asyncio.to_thread(folder.checked_again, around.say)
    if files is None:
        return False
    lock.require()
    folder.note(files)
    return True


class _Getting:
    def __init__(self, order: Order, around: Surroundings, lock: FolderLock) -> None:
        self._order = order
        self._around = around
        self._lock = lock
        self._progress = Progress(around.say, around.monotonic)
        self._answered = False
        self._most_safe: dict[str, int] = {}

    async def run(self) -> None:
        failures, changes = 0, 0
        while True:
            before = sum(self._most_safe.values())
            trouble = await self._trouble()
            if trouble is None:
                return
            changes += trouble.reason is Reason.DOWNLOAD_FAILED
            # Only what is safe for the first time counts, so that this ends although a server never says no.
            failures = 1 if sum(self._most_safe.values()) > before else failures + 1
            if changes > _MOST_CHANGES or failures > len(self._around.pauses):
                raise self._given_up(trouble, failures)
            pause = self._around.pauses[failures - 1]
            self._around.say(f"{trouble.message}: trying again in {pause:g} s")
            await asyncio.sleep(pause)

    async def _trouble(self) -> SourceTrouble | None:
        """One try; what went wrong with it, if another one may go well."""
        try:
            await self._try()
        except FileChangedError:
            return SourceTrouble(Reason.DOWNLOAD_FAILED, "the file changes while it is downloaded")
        except SourceTrouble as trouble:
            if trouble.reason is not Reason.SOURCE_UNREACHABLE:
                raise
            return trouble
        return None

    async def _try(self) -> None:
        """One client, so one look at what every name means; names are asked for again at the next try."""
        order, around, lock = self._order, self._around, self._lock
        guard = Guard(order.private_networks, (), around.resolve)
        async with Client(guard, around.limits) as client:
            files = await self._found(client)
            lock.require()
            parts = [Partial(order.folder.own, file, lock.require) for file in files]
            await self._make_room(parts)
            for part in parts:
                await self._bring(client, part)
        await asyncio.to_thread(_check_all, parts, folder=_is_folder(order.wanted))
        lock.require()
        order.folder.forget()
        await asyncio.to_thread(order.folder.finish, parts)

    def _given_up(self, last: SourceTrouble, failures: int) -> SourceTrouble:
        if last.reason is Reason.DOWNLOAD_FAILED or not self._answered:
            return last
        words = f"{failures} tries in a row brought nothing; at last {last.message}"
        return SourceTrouble(Reason.DOWNLOAD_FAILED, words)

    async def _found(self, client: Client) -> tuple[RemoteFile, ...]:
        """What there is to bring, as the source says it now."""
        wanted, limits = self._order.wanted, self._around.limits
        asking = Asking(client, ModelReader(HeaderReader(), client), self._order.credential, wanted.sha256)
        try:
            async with asyncio.timeout(limits.source):
                files = await remote_files(wanted, asking, self._around.now)
        except TimeoutError:
            words = f"the source did not tell what it has within {limits.source:g} s"
            raise SourceTrouble(Reason.SOURCE_UNREACHABLE, words) from None
        self._answered = True
        require_places([file.path for file in files])
        return files

    async def _make_room(self, parts: Sequence[Partial]) -> None:
        sizes = [part.file.size for part in parts if part.file.size is not None]
        there = sum(part.safe_bytes for part in parts)
        total = sum(sizes) if len(sizes) == len(parts) else None
        self._progress.begin(total, there)
        folder, needed = self._order.folder.path, max(0, sum(sizes) - there)
        if self._order.cache is not None:
            with writing(self._order.cache.path, needed):
                await asyncio.to_thread(make_room, self._order.cache, folder, needed, self._around.say)
        if free_bytes(folder) < needed:
            raise disk_full(folder, needed)

    async def _bring(self, client: Client, part: Partial) -> None:
        if part.checked:
            return
        path = part.file.path
        async with part:
            try:
                await Download(client, part, self._progress, self._around.pace).run()
            finally:
                self._most_safe[path] = max(part.safe_bytes, self._most_safe.get(path, 0))
            await asyncio.to_thread(_check, part, folder=_is_folder(self._order.wanted))
            await part.finish()


def _check(part: Partial, *, folder: bool) -> None:
    try:
        if part.file.checksum is not None:
            part.file.checksum.check(part.path, part.file.path)
        if folder:
            check_beside(part.file.path, part.path)
    except SourceTrouble:
        part.discard()
        raise


def _check_all(parts: Sequence[Partial], *, folder: bool) -> None:
    """What only the files of one model together can tell."""
    if folder:
        return
    try:
        check_model([(part.file.path, part.path) for part in parts])
    except SourceTrouble:
        for part in parts:
            part.discard()
        raise


def _is_folder(wanted: Wanted) -> bool:
    hub, bucket = wanted.source.hugging_face, wanted.source.s3
    return (hub is not None and hub.file is None) or (bucket is not None and bucket.key.endswith("/"))
