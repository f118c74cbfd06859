"""`python3 -m tools.demo up | down`."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from pathlib import Path

from tools.demo import steps
from tools.demo.commands import Commands
from tools.demo.errors import DemoFailed
from tools.demo.terminal import Terminal

ROOT = Path(__file__).resolve().parents[2]
_QUICKSTART = ROOT / "manifests" / "samples" / "quickstart"


def main(arguments: list[str]) -> int:
    asked = _parser().parse_args(arguments)
    # The kubeconfig of the person is not meant, and neither is a key of his.
    own = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
    commands = Commands(ROOT, Terminal(), own)
    signal.signal(signal.SIGTERM, _as_control_c)
    try:
        if asked.verb == "up":
            steps.go(steps.Demo(commands, asked.cluster, asked.quickstart.resolve()))
        else:
            down(commands, asked.cluster)
    except DemoFailed as failed:
        commands.terminal.line(f"\ndemo: {failed}")
        return 1
    except KeyboardInterrupt:
        commands.terminal.line("\ndemo: interrupted; the same command goes on from what is there")
        return 130
    finally:
        commands.end()
    return 0


_NOT_OURS = frozenset(
    {
        "KUBECONFIG",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "PLIMSOLL_API_KEY",
        "PLIMSOLL_URL",
        "CLUSTER",
        "NODES",
        "SHAPE",
        "ARGS",
    }
)


def down(commands: Commands, cluster: str) -> None:
    """The instance, and what the demo kept beside it."""
    commands.run("make", "cluster-down", f"CLUSTER={cluster}")
    shutil.rmtree(ROOT / ".build" / "demo" / cluster, ignore_errors=True)


def _as_control_c(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m tools.demo", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, what in (("up", "from here to an answered prompt and its record"), ("down", "take all of it away")):
        each = verbs.add_parser(verb, help=what)
        each.add_argument("--cluster", default="demo", metavar="NAME", help="the instance (default: demo)")
        if verb == "up":
            each.add_argument("--quickstart", type=Path, default=_QUICKSTART, metavar="FOLDER", help="what is applied")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
