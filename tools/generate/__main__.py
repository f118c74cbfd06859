"""`python -m tools.generate` writes what follows from the code; with --check it only says what is out of date."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from plimsoll.api.kinds import KINDS, Kind
from tools.generate.commands import command_text, output_schemas
from tools.generate.definition import definition_text
from tools.generate.editor import editor_schema_text
from tools.generate.reference import conditions_text, reference_text
from tools.generate.settings import configuration_schema_text, configuration_text

ROOT = Path(__file__).parents[2]


@cache
def generated() -> dict[str, str]:
    """Every file that is made, by its path."""
    return {
        **{path: text for kind in KINDS for path, text in _texts_of(kind).items()},
        "docs/reference/conditions.md": conditions_text(),
        "docs/reference/configuration.md": configuration_text(),
        "docs/reference/configuration.schema.json": configuration_schema_text(),
        "docs/cli.md": command_text(),
        **output_schemas(),
    }


def _texts_of(kind: Kind) -> dict[str, str]:
    return {
        f"manifests/crds/{kind.plural}.yaml": definition_text(kind),
        f"docs/reference/{kind.singular}.md": reference_text(kind),
        f"docs/reference/{kind.singular}.schema.json": editor_schema_text(kind),
    }


def main(arguments: list[str], root: Path = ROOT) -> int:
    if arguments not in ([], ["--check"]):
        print("usage: python -m tools.generate [--check]", file=sys.stderr)
        return 2
    stale = {path: text for path, text in generated().items() if not _holds(root / path, text)}
    for path, text in stale.items():
        if arguments:
            print(f"{path} is not what the code says: run `make generate` and commit it", file=sys.stderr)
            continue
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
        print(f"wrote {path}")
    return 1 if arguments and stale else 0


def _holds(file: Path, text: str) -> bool:
    return file.is_file() and file.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
