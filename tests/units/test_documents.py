"""The documents against the tree: links lead somewhere, lists are complete."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def documents() -> list[Path]:
    ours = [ROOT / folder for folder in ("bench", "docs", "images", "tests", "tools")]
    return [*ROOT.glob("*.md"), *(page for folder in ours for page in folder.rglob("*.md"))]


def relative_links(document: Path) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)#\s]+)", document.read_text()):
        if "://" not in target:
            yield target


def verbs() -> set[str]:
    """What `make help` lists."""
    return set(re.findall(r"^([a-z-]+):.* ## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_every_relative_link_leads_to_something_that_is_there() -> None:
    broken = [
        f"{page.name}: {link}"
        for page in documents()
        for link in relative_links(page)
        if not (page.parent / link).exists()
    ]
    assert broken == []


def test_the_readme_explains_every_verb_that_help_lists() -> None:
    explained = set(re.findall(r"^\| `make ([a-z-]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert explained == verbs() - {"help"}


def test_every_decision_record_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    records = {path.name for path in folder.glob("[0-9]*.md")}
    assert records == set(relative_links(folder / "README.md"))
