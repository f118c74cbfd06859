"""The side of the confined process: it takes its rights away, then answers questions until nobody asks."""

from __future__ import annotations

import math
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import BinaryIO

from plimsoll.runtime.confined.bounds import Bounds, read
from plimsoll.runtime.confined.frames import DONE, HEAD, HELLO, REFUSED, framed

# Told apart by the parent; nothing that is killed ends with it.
OUT_OF_MEMORY = 71

Handle = Callable[[bytes], bytes]


class Refusal(Exception):
    """What was asked cannot be done; the message is for who asked."""


def serve(prepare: Callable[[bytes], Handle]) -> None:
    """Makes a handler from the first frame and answers each later one with it. Ends with its input."""
    bounds = read(sys.argv[1])
    source, answers = sys.stdin.buffer, sys.stdout.buffer
    _give_up_rights(bounds)
    _say(answers, HELLO)
    handle: Handle | None = None
    while (content := _next(source)) is not None:
        _allow_cpu(bounds.cpu_seconds)
        try:
            if handle is None:
                handle, answer = prepare(content), b""
            else:
                answer = handle(content)
        except Refusal as refusal:
            _say(answers, REFUSED + str(refusal).encode("utf-8", "replace"))
        except MemoryError:
            # What is left of the memory is not worth counting: the parent starts another.
            os._exit(OUT_OF_MEMORY)
        else:
            _say(answers, DONE + answer)


def _give_up_rights(bounds: Bounds) -> None:
    """No files, no processes, no core dumps, little memory and stack. What is open stays open."""
    for limit, most in ((resource.RLIMIT_AS, bounds.memory), (resource.RLIMIT_STACK, bounds.stack)):
        resource.setrlimit(limit, (most, most))
    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE):
        resource.setrlimit(limit, (0, 0))


def _allow_cpu(seconds: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time() + seconds), hard))


def _next(source: BinaryIO) -> bytes | None:
    head = source.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    (length,) = HEAD.unpack(head)
    return source.read(length)


def _say(answers: BinaryIO, content: bytes) -> None:
    answers.write(framed(content))
    answers.flush()
