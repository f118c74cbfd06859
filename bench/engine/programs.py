"""The programs that take part. What is not there yet is built first, which takes minutes."""

import os
from dataclasses import dataclass
from pathlib import Path

from bench.engine import models
from bench.frame.errors import BenchError
from tools.cluster.progress import Progress
from tools.engine import build, peers, recipes
from tools.engine.errors import EngineError
from tools.sdists import Unreachable


@dataclass(frozen=True)
class Programs:
    """`home` and `plug_ins` hold llama.cpp with its bindings: for this processor, and as the image has it."""

    home: Path
    plug_ins: Path
    peers: peers.Peers


def find_programs(progress: Progress) -> Programs:
    try:
        home = build.ensure(recipes.NATIVE, progress)
        found = Programs(home, build.ensure(recipes.PORTABLE, progress), peers.ensure(progress))
    except (EngineError, Unreachable) as error:
        raise BenchError(str(error)) from error
    # Models are quantised by the same library, in this process.
    os.environ["PLIMSOLL_ENGINE"] = str(home)
    with progress.step("models"):
        models.make_all()
    return found
