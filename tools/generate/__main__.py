"""`python -m tools.generate` writes what follows from the API; with --check it only says what is out of date."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.generate.definition import definition_text
from tools.generate.editor import editor_schema_text
from tools.generate.reference import conditions_text, modelconfig_text

ROOT = Path(__file__).parents[2]


def generated() -> dict[str, str]:
    """Every file that is made, by its path."""
    return {
        "manifests/crds/modelconfigs.yaml": definition_text(),
        "docs/reference/modelconfig.md": modelconfig_text(),
        "docs/reference/modelconfig.schema.json": editor_schema_text(),
        "docs/reference/conditions.md": conditions_text(),
    }


def out_of_date(root: Path) -> list[str]:
    return [
        path
        for path, text in generated().items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text
    ]


def main(arguments: list[str], root: Path = ROOT) -> int:
    stale = out_of_date(root)
    if arguments == ["--check"]:
        for path in stale:
            print(f"{path} is not what the API says: run `make generate` and commit it", file=sys.stderr)
        return 1 if stale else 0
    if arguments:
        print("usage: python -m tools.generate [--check]", file=sys.stderr)
        return 2
    for path in stale:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(generated()[path], encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
