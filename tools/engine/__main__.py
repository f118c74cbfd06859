"""`python -m tools.engine build | peers`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.cluster.progress import Progress
from tools.engine import build, peers, recipes
from tools.engine.errors import EngineError
from tools.sdists import Unreachable

HOME = Path(__file__).resolve().parents[2] / ".build" / "engine"


def main(arguments: list[str]) -> int:
    asked = _parser().parse_args(arguments)
    try:
        (_build if asked.verb == "build" else _peers)(Progress())
    except (EngineError, Unreachable) as error:
        print(f"engine: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("engine: interrupted; the next build begins again", file=sys.stderr)
        return 130
    return 0


def _build(progress: Progress) -> None:
    folder = build.ensure(recipes.NATIVE, progress)
    build.link(folder, HOME)
    progress.say(f"engine: {HOME.relative_to(HOME.parents[1])} leads to {folder}")


def _peers(progress: Progress) -> None:
    found = peers.ensure(progress)
    print(f"llama-server: {found.llama_server}\npython of llama_cpp.server: {found.python}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.engine", description="llama.cpp for the engine.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("build", help="the libraries for this machine, at .build/engine")
    verbs.add_parser("peers", help="the servers that bench-engine compares with, and where they are")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
