"""`python -m tools.images build | inspect`."""

from __future__ import annotations

import argparse
import errno
import sys
from pathlib import Path

from tools.cluster.errors import ClusterError
from tools.cluster.progress import Progress
from tools.engine.errors import EngineError
from tools.images import contents, engines, record
from tools.images.build import Builder
from tools.images.commands import cache_root
from tools.images.errors import DiskFullError, ImageError
from tools.images.load import load
from tools.images.recipes import RECIPES
from tools.sdists import Unreachable

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    asked = _parser().parse_args(arguments)
    try:
        if asked.verb == "build":
            _build(asked)
        else:
            _inspect()
    except (ImageError, ClusterError, EngineError, Unreachable) as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(f"images: {DiskFullError(cache_root())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("images: interrupted; the next build repairs what this one left", file=sys.stderr)
        return 130
    return 0


def _build(asked: argparse.Namespace) -> None:
    progress = Progress()
    builder = Builder(ROOT, asked.engine, asked.base, progress)
    images = []
    for recipe in [RECIPES[asked.only]] if asked.only else RECIPES.values():
        image, new = builder.build(recipe)
        if not new:
            progress.say(f"{recipe.name}: nothing changed, {image.reference} is built")
        images.append((image, new))
    if asked.cluster:
        load(asked.cluster, [image for image, _ in images], ROOT, progress)
    for image, new in images:
        if new:
            print(contents.table(image.reference, list(image.parts)))


def _inspect() -> None:
    known = record.read(ROOT)
    if not known:
        raise ImageError("No image has been built here yet: `make images` builds them.")
    for built in known.values():
        print(contents.table(built.reference, list(built.parts)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.images", description="Images, with or without a registry.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    build = verbs.add_parser("build", help="build what changed, write .build/images.json, load into a cluster")
    build.add_argument("--cluster", default="", metavar="NAME", help="load into this cluster if it is up")
    build.add_argument("--only", choices=sorted(RECIPES), help="only this image")
    build.add_argument("--engine", choices=engines.NAMES, default="auto")
    build.add_argument(
        "--base", default="", metavar="IMAGE", help="a base image of your own instead of the default one"
    )
    verbs.add_parser("inspect", help="what the images built last are made of")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
