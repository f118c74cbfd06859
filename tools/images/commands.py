"""Runs the programs that make an image: output into a log, failures as errors that show its end."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tools.images.errors import DiskFullError, ImageError, StepError

_TAIL_LINES = 20
# A private mount and pid namespace, ended by the kernel together with the tool: whatever is killed, no mount and no
# process of a build is left on the host.
_CAGE = (
    ("setpriv", "--pdeathsig", "KILL"),
    ("unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child"),
)


def cache_root() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "plimsoll" / "images"


def need(command: str, package: str) -> None:
    if shutil.which(command) is None:
        raise ImageError(f"{command} is not on this machine; on Debian, as root: apt-get install {package}")


def caged(*command: str | Path) -> list[str | Path]:
    """As root; anyone else gets the user namespace that buildah and mmdebstrap make themselves."""
    if os.geteuid() != 0:
        return list(command)
    return [word for part in _CAGE for word in part] + list(command)


class Commands:
    """Runs commands one after the other into one log."""

    def __init__(self, log: Path) -> None:
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("")

    def run(
        self, step: str, *command: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        with self.log.open("a") as log:
            log.write(f"$ {' '.join(map(str, command))}\n")
            log.flush()
            began = log.tell()
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_with(env),
                cwd=cwd,
                check=False,
            )
        if done.returncode != 0:
            self._fail(step, self.log.read_bytes()[began:].decode(errors="replace"))

    def read(
        self, step: str, *command: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> str:
        """What the command printed; only its complaints go to the log."""
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=_with(env), cwd=cwd, check=False
        )
        with self.log.open("a") as log:
            log.write(f"$ {' '.join(map(str, command))}\n{done.stderr}")
        if done.returncode != 0:
            self._fail(step, done.stderr)
        return done.stdout

    def _fail(self, step: str, said: str) -> None:
        if "no space left on device" in said.lower():
            raise DiskFullError(cache_root())
        raise StepError(step, self.log, "\n".join(said.rstrip().splitlines()[-_TAIL_LINES:]))


def _with(env: Mapping[str, str] | None) -> dict[str, str]:
    return {**os.environ, **(env or {})}
