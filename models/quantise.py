"""Makes smaller files of a model with llama.cpp's own quantiser. PLIMSOLL_ENGINE names the folder of `make engine`.

python -m models.quantise Q4_K_M FROM TO
"""

from __future__ import annotations

import argparse
import ctypes
from pathlib import Path

from plimsoll.errors import UserError
from plimsoll.runtime.library import load_library

# llama.cpp's own numbers.
FILE_TYPES = {"Q4_0": 2, "Q8_0": 7, "Q4_K_M": 15}


class NotQuantised(UserError):
    """llama.cpp did not want the file."""


def quantise(source: Path, target: Path, file_type: str, threads: int = 2) -> None:
    library = load_library()
    library.log.forget()
    parameters = library.c.llama_model_quantize_default_params()
    parameters.ftype = FILE_TYPES[file_type]
    parameters.nthread = threads
    if library.c.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(parameters)):
        said = " ".join(library.log.recent()) or "llama.cpp did not say why"
        raise NotQuantised(f"{source} could not be made {file_type}: {said}", fix="Name a model in F16 or F32.")


def main() -> None:
    parser = argparse.ArgumentParser(prog="models.quantise", description="Quantise a model.")
    parser.add_argument("type", choices=FILE_TYPES)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    quantise(given.source, given.target, given.type, given.threads)


if __name__ == "__main__":
    main()
