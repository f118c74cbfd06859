"""Runs commands as a person would type them, and shows what they say while they run."""

from __future__ import annotations

import codecs
import ctypes
import os
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.demo.errors import DemoFailed
from tools.demo.terminal import Terminal

_CHUNK = 1 << 16
_DIES_WITH_PARENT = 1
# Of a `make` above this one: what was said to it is not meant for those below.
_OF_MAKE = ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "MAKE_TERMERR", "MAKE_TERMOUT")


class Commands:
    """In one folder, with one environment that steps add to."""

    def __init__(self, root: Path, terminal: Terminal, environment: Mapping[str, str]) -> None:
        self.root = root
        self.terminal = terminal
        self.environment = {name: value for name, value in environment.items() if name not in _OF_MAKE}
        self._background: list[subprocess.Popen[bytes]] = []

    def export(self, name: str, value: str, shown: str = "") -> None:
        """As if it had been typed; `shown` in place of what nobody is to see."""
        self.environment[name] = value
        self.terminal.command(f"export {name}={shown or shlex.quote(value)}")

    def run(self, *words: str, fine: Sequence[int] = (0,), more: str = "") -> str:
        """What it said, on either output, as it was shown. Any other exit code ends the demo."""
        code, said = self.tried(*words)
        if code not in fine:
            raise DemoFailed(f"`{shlex.join(words)}` ended with {code}: {_last_of(said)}", more or shlex.join(words))
        return said

    def tried(self, *words: str) -> tuple[int, str]:
        """The exit code as well, whatever it is."""
        self.terminal.command(shlex.join(words))
        with self._start(words) as process:
            said = self._shown(process, words[0])
        return process.returncode, said

    def answer(self, *words: str, more: str = "") -> str:
        """What it wrote to its standard output, which is not shown; neither is the command."""
        done = subprocess.run(
            words, cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        if done.returncode != 0:
            why = done.stderr.decode(errors="replace").strip()
            raise DemoFailed(f"`{shlex.join(words)}` ended with {done.returncode}: {why}", more or shlex.join(words))
        return done.stdout.decode()

    def secret(self, *words: str, name: str) -> None:
        """Into the environment under this name, and nowhere else; what the command says besides is shown."""
        self.terminal.command(f"export {name}=$({shlex.join(words)})")
        process = subprocess.Popen(
            words, cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        out, told = process.communicate()
        for line in told.decode(errors="replace").splitlines():
            self.terminal.said(line)
        if process.returncode != 0:
            raise DemoFailed(f"`{shlex.join(words)}` ended with {process.returncode}.", shlex.join(words))
        self.environment[name] = out.decode().strip()

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        """In the background, until the demo ends, however it ends."""
        self.terminal.command(f"{shlex.join(words)} &")
        process = self._start(words, dies_with_us=True)
        self._background.append(process)
        return process

    def line_of(self, process: subprocess.Popen[bytes], part: str, seconds: float) -> tuple[str, str]:
        """The first line with this part that a process in the background says; else nothing, and its last words."""
        assert process.stdout is not None
        buffer, began = b"", time.monotonic()
        while time.monotonic() - began < seconds:
            if not select.select([process.stdout], [], [], self.terminal.pause)[0]:
                self.terminal.waiting("it is being started", time.monotonic() - began)
                continue
            if not (chunk := os.read(process.stdout.fileno(), _CHUNK)):
                break
            buffer += chunk
            for line in buffer.decode(errors="replace").splitlines():
                if part in line:
                    self.terminal.said(line)
                    return line, ""
        said = buffer.decode(errors="replace")
        for line in said.splitlines():
            self.terminal.said(line)
        return "", _last_of(said)

    def end(self) -> None:
        """All that was begun."""
        for process in self._background:
            process.terminate()
        for process in self._background:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            assert process.stdout is not None
            process.stdout.close()
        self._background.clear()

    def _start(self, words: Sequence[str], *, dies_with_us: bool = False) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            words, cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, preexec_fn=_die_with_parent if dies_with_us else None,  # noqa: PLW1509
        )  # fmt: skip

    def _shown(self, process: subprocess.Popen[bytes], name: str) -> str:
        assert process.stdout is not None
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        whole, rest, began = "", "", time.monotonic()
        while True:
            if not select.select([process.stdout], [], [], self.terminal.pause)[0]:
                self.terminal.waiting(f"{name} goes on", time.monotonic() - began)
                continue
            chunk = os.read(process.stdout.fileno(), _CHUNK)
            text = decoder.decode(chunk, final=not chunk)
            whole, rest = whole + text, rest + text
            *lines, rest = rest.split("\n")
            for line in lines:
                self.terminal.said(line)
            if not chunk:
                break
        if rest:
            self.terminal.said(rest)
        return whole


def _last_of(said: str) -> str:
    """The line that says why: make only repeats that something went wrong, and what to do is no reason."""
    lines = [
        line.strip() for line in said.splitlines() if line.strip() and not line.startswith(("make", "What to do:"))
    ]
    return lines[-1] if lines else "it said nothing"


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGTERM)
