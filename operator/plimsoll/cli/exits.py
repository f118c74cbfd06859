"""How `plimsoll` ends: one number for each kind of end, which scripts may rely on."""

from __future__ import annotations

from enum import IntEnum
from typing import Self

from plimsoll.errors import UserError


class ExitCode(IntEnum):
    meaning: str

    def __new__(cls, number: int, meaning: str) -> Self:
        code = int.__new__(cls, number)
        code._value_ = number
        code.meaning = meaning
        return code

    DONE = 0, "It was done, or the answer is yes."
    NO = 1, "The answer is no: refused, different, does not fit."
    USAGE = 2, "The command line, or a file that it names, cannot be used."
    NOT_FOUND = 3, "There is no such object or revision."
    DEADLINE = 4, "The time was up before it was so."
    CANNOT_HEAL = 5, "Waiting is no use: somebody has to change something."
    CLUSTER = 6, "The cluster, or a source of weights, did not answer or refused."
    INTERRUPTED = 130, "Ctrl-C."


class Failed(UserError):
    """An error that ends with a number of its own."""

    code = ExitCode.NO


class Unusable(Failed):
    """The command line, or a file that it names."""

    code = ExitCode.USAGE


class NotThere(Failed):
    code = ExitCode.NOT_FOUND


class ClusterTrouble(Failed):
    code = ExitCode.CLUSTER


def code_of(error: UserError) -> int:
    return int(error.code) if isinstance(error, Failed) else int(ExitCode.NO)
