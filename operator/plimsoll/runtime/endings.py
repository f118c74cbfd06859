"""Why an engine cannot go on, as a reason of the contract where there is one."""

from __future__ import annotations

from plimsoll.api.reasons import Reason
from plimsoll.errors import UserError

# What llama.cpp and CUDA say, in lower case. The first that is found counts.
_WORDS: tuple[tuple[str, Reason], ...] = (
    ("unknown model architecture", Reason.MODEL_UNSUPPORTED),
    ("unknown pre-tokenizer", Reason.MODEL_UNSUPPORTED),
    ("unsupported model", Reason.MODEL_UNSUPPORTED),
    ("no cuda-capable device", Reason.DRIVER_MISSING),
    ("driver version is insufficient", Reason.DRIVER_MISSING),
    ("device lost", Reason.DRIVER_MISSING),
    ("failed to allocate", Reason.OUT_OF_MEMORY),
    ("unable to allocate", Reason.OUT_OF_MEMORY),
    ("out of memory", Reason.OUT_OF_MEMORY),
    ("bad_alloc", Reason.OUT_OF_MEMORY),
    ("corrupted or incomplete", Reason.NOT_A_MODEL),
    ("is not within the file bounds", Reason.NOT_A_MODEL),
    ("invalid magic", Reason.NOT_A_MODEL),
    ("wrong number of tensors", Reason.NOT_A_MODEL),
    ("missing tensor", Reason.NOT_A_MODEL),
    ("key not found in model", Reason.NOT_A_MODEL),
)


class CannotServe(UserError):
    """The engine ends with this reason."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message, fix=reason.fix)
        self.reason = reason


class BadOption(UserError):
    """The command line names something that cannot be used; nothing is wrong with the model or the machine."""


def reason_of(error: BaseException, said: tuple[str, ...] = ()) -> Reason | None:
    """None: nothing of the contract; the log says what it was. `said` is what llama.cpp told at last."""
    if isinstance(error, CannotServe):
        return error.reason
    if isinstance(error, MemoryError):
        return Reason.OUT_OF_MEMORY
    words = "\n".join([str(error), *said]).lower()
    return next((reason for known, reason in _WORDS if known in words), None)
