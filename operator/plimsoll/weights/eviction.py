"""Makes room in a cache, and never takes what a pod may have mounted.

The operator says which folders were in use at a time, and every pod notes that it uses a folder before its engine
starts. So a folder that was not in use then, and that nobody has used since, is in use by nobody now, however old the
list is.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from plimsoll.weights.folder import last_use
from plimsoll.weights.volume import free_bytes

_NAME = re.compile(r"[0-9a-f]{32}")
_GOING = re.compile(r"[0-9a-f]{32}\.going")
# The clocks of the operator and of the volume may differ by so much, in seconds.
_DOUBT = 600.0
_UNUSED = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Cache:
    """`keep` are the names of the folders that were in use at the time `kept_at`; without a time nothing is removed."""

    path: Path
    keep: frozenset[str] = frozenset()
    kept_at: datetime | None = None


def make_room(cache: Cache, own: Path, needed: int, say: Callable[[str], None]) -> None:
    """Removes what nobody has used for long; and what nobody uses, the longest unused first, until `needed` fits."""
    if cache.kept_at is None:
        return
    _finish_earlier(cache, own)
    long_ago = cache.kept_at.timestamp() - _UNUSED
    for used, folder in sorted(_unused(cache, own, _NAME)):
        if used >= long_ago and free_bytes(cache.path) >= needed:
            return
        if _remove(folder, used):
            say(f"removed {folder.name} from the cache: nobody has used it for long")


def _unused(cache: Cache, own: Path, kind: re.Pattern[str]) -> Iterator[tuple[float, Path]]:
    assert cache.kept_at is not None
    for folder in cache.path.iterdir():
        if not kind.fullmatch(folder.name) or folder.name in cache.keep or folder == own:
            continue
        used = last_use(folder)
        if used is not None and used < cache.kept_at.timestamp() - _DOUBT:
            yield used, folder


def _remove(folder: Path, used: float) -> bool:
    """Out of sight first, at once and as a whole: nobody may find a folder with half of its files."""
    going = folder.with_name(f"{folder.name}.going")
    try:
        folder.rename(going)
    except OSError:
        return False
    if last_use(going) != used and not folder.exists():
        # A pod has begun to use it in this very moment.
        going.rename(folder)
        return False
    shutil.rmtree(going, ignore_errors=True)
    return True


def _finish_earlier(cache: Cache, own: Path) -> None:
    """What somebody who was killed meanwhile has left."""
    for _, folder in list(_unused(cache, own, _GOING)):
        shutil.rmtree(folder, ignore_errors=True)
