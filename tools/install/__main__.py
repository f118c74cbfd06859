"""`python -m tools.install install | uninstall`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.cluster.errors import ClusterError
from tools.cluster.progress import Progress
from tools.install.installing import install
from tools.install.removing import remove
from tools.install.settings import Asked
from tools.install.target import choose

_EPILOG = """\
examples:
  make install                                           on the cluster `test` of this checkout
  make install CLUSTER=demo                              on another one of this checkout
  KUBECONFIG=~/.kube/config make install ARGS="--image registry.example.com/plimsoll:1"
  make install ARGS="--configuration operator.yaml"      with a configuration of your own
  make install ARGS="--namespace team-a --namespace team-b"   only for these namespaces
  make uninstall                                         operator and gateway go, models and their pods stay
  make uninstall ARGS=--crds                             the definitions go too
"""


def parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--cluster", default="", metavar="NAME", help="a cluster of this checkout; wins over KUBECONFIG"
    )
    whole = argparse.ArgumentParser(
        prog="python -m tools.install",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = whole.add_subparsers(dest="verb", required=True, metavar="VERB")
    put = verbs.add_parser("install", parents=[common], help="install operator and gateway, or bring them up to date")
    put.add_argument("--image", metavar="REFERENCE", help="an image that the cluster can pull (default: built here)")
    put.add_argument(
        "--configuration",
        type=Path,
        metavar="FILE",
        help="configuration of the operator (default: as it is in the cluster, else manifests/base/configuration.yaml)",
    )
    where = put.add_mutually_exclusive_group()
    where.add_argument("--namespace", action="append", metavar="NAME", help="serve only this one; can be repeated")
    where.add_argument("--everywhere", action="store_true", help="serve every namespace, as a new installation does")
    put.add_argument(
        "--gateways",
        type=_count,
        metavar="COUNT",
        help="pods of the gateway (default: as it is in the cluster, else 2)",
    )
    put.add_argument("--force", action="store_true", help="also take fields that somebody else has changed since")
    put.add_argument(
        "--patience", type=float, default=120.0, metavar="SECONDS", help="wait for each until ready (default: 120)"
    )
    take = verbs.add_parser("uninstall", parents=[common], help="remove operator and gateway; models go on")
    take.add_argument("--crds", action="store_true", help="remove the definitions of ModelConfig and ModelKey too")
    take.add_argument("--and-models", action="store_true", help="with --crds: even when models and keys go with them")
    return whole


def main(arguments: list[str]) -> int:
    asked = parser().parse_args(arguments)
    progress = Progress()
    try:
        target = choose(asked.cluster, progress)
        if asked.verb == "install":
            install(target, _asked(asked), progress, force=asked.force, patience=asked.patience)
        else:
            remove(target, progress, crds=asked.crds, models_too=asked.and_models)
    except ClusterError as error:
        print(f"{asked.verb}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where this one stopped", file=sys.stderr)
        return 130
    return 0


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("a whole number, 0 or more")
    return int(text)


def _asked(arguments: argparse.Namespace) -> Asked:
    named = tuple(dict.fromkeys(arguments.namespace)) if arguments.namespace else None
    return Asked(arguments.image, arguments.configuration, () if arguments.everywhere else named, arguments.gateways)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
