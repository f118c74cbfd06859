"""The configuration file: read at the start, and again when it changes; a bad one leaves the last good one in force."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import yaml

from plimsoll.api.configuration import OperatorConfiguration
from plimsoll.api.configuring import BadConfiguration, parse_configuration
from plimsoll.errors import UserError

_log = logging.getLogger(__name__)

_LOOK_EVERY = 3.0


class ConfigurationFile:
    """Raises UserError when even the first look finds nothing that can be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._stamp()
        self.current = _parsed(path)
        self.generation = 1
        self.valid = True

    async def follow(self, changed: Callable[[], None], complained: Callable[[UserError], Awaitable[None]]) -> None:
        """For ever: `changed` after another good one, `complained` once for each bad one."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            try:
                if await asyncio.to_thread(self.look):
                    changed()
            except UserError as error:
                _log.error("%s; the last good configuration stays in force: %s", error.message, error.fix)
                await complained(error)

    def look(self) -> bool:
        """Whether another configuration is in force now. Raises UserError, once, for a file that is none."""
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        self._seen = stamp
        self.valid = False
        found = _parsed(self._path)
        self.valid = True
        if found == self.current:
            return False
        self.current = found
        self.generation += 1
        _log.info("%s is in force in its generation %s", self._path, self.generation)
        return True

    def _stamp(self) -> tuple[int, int, int] | None:
        """A mounted ConfigMap changes by a link to another folder: time, inode and size are those of the real file."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_ino, found.st_size)


def _parsed(path: Path) -> OperatorConfiguration:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadConfiguration(
            f"{path} cannot be read: {error.strerror}", fix="name the operator's configuration file with --config"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{path} is no YAML: {' '.join(str(error).split())}", fix="correct the file") from None
    try:
        return parse_configuration(document)
    except BadConfiguration as error:
        raise BadConfiguration(f"{path}: {error.message}", fix=error.fix) from None
