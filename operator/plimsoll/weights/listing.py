"""Which files of a whole repository or folder are taken: safetensors and what describes them, never a pickle."""

from __future__ import annotations

import re
from collections.abc import Sequence

from plimsoll.api.contract import SAFE_PATH_PATTERN
from plimsoll.api.reasons import Reason
from plimsoll.plan.observed import SourceFile
from plimsoll.weights.trouble import SourceTrouble

MOST_FILES = 10_000
MOST_PAGES = 20
# Copies of the weights in other formats, most of which can run code when they are opened.
_LEFT_OUT = re.compile(
    r".*\.(bin|pt|pth|ckpt|pkl|pickle|joblib|npy|npz|h5|hdf5|keras|msgpack|onnx|onnx_data|ot|tflite|pb|mlmodel|nemo"
    r"|gguf|ggml|zip|tar|gz|bz2|xz|7z|rar)",
    re.IGNORECASE | re.DOTALL,
)
_UPWARDS = re.compile(r"(^|/)\.\.?(/|$)")
_LONGEST_PATH = 1024


def taken(files: Sequence[SourceFile], where: str) -> tuple[SourceFile, ...]:
    """In the order of their paths. Raises SourceTrouble for a listing that no honest server gives."""
    if len(files) > MOST_FILES:
        raise SourceTrouble(Reason.NOT_A_MODEL, f"{where} has more than {MOST_FILES:,} files")
    for file in files:
        if not is_plain(file.path):
            raise SourceTrouble(Reason.NOT_A_MODEL, f"{where} has a file whose path leads out of its folder")
    chosen = sorted((file for file in files if not _LEFT_OUT.fullmatch(file.path)), key=lambda file: file.path)
    if not any(file.path.endswith(".safetensors") for file in chosen):
        raise SourceTrouble(Reason.NOT_A_MODEL, f"{where} has no safetensors among its {len(files):,} files")
    return tuple(chosen)


def is_plain(path: str) -> bool:
    return (
        len(path) <= _LONGEST_PATH
        and path.isprintable()
        and re.search(SAFE_PATH_PATTERN, path) is not None
        and _UPWARDS.search(path) is None
    )
