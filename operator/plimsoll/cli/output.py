"""What goes to the terminal: tables for people, JSON and YAML for scripts, and no control character from anybody."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

# Wider than any line: what is piped is cut by nobody.
_PIPED_WIDTH = 10_000
# JSON may hold these as they are; a terminal may obey them.
_OBEYED = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
# Joiners are letters of some scripts, and hold emoji together.
_OBEYED_IN_PROSE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


class NamedFormat(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


class DataFormat(StrEnum):
    JSON = "json"
    YAML = "yaml"


_HELP = "How to print it: a table for people, the others for scripts."
FormatOption = Annotated[Format, typer.Option("--output", "-o", help=_HELP)]
NamedFormatOption = Annotated[NamedFormat, typer.Option("--output", "-o", help=_HELP)]
DataFormatOption = Annotated[DataFormat, typer.Option("--output", "-o", help="How to write it.")]


def printable(text: object) -> str:
    """On one line, and with every character that a terminal might obey written out."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(text))


def prose(text: str) -> str:
    """What a model says: its lines, its tabs and every letter of every script, but nothing that a terminal obeys."""
    return _OBEYED_IN_PROSE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def as_json(data: Any) -> str:
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def as_yaml(data: Any) -> str:
    return _yaml([data])


def as_documents(data: Sequence[Any]) -> str:
    """Several objects as one YAML stream."""
    return _yaml(data, explicit_start=True)


def _yaml(documents: Sequence[Any], *, explicit_start: bool = False) -> str:
    from plimsoll.cli.yaml_dialect import dump_all

    harmless = not _OBEYED.search(json.dumps(documents, ensure_ascii=False))
    return dump_all(documents, readable=harmless, explicit_start=explicit_start)


def structured(data: Any, output: str) -> str:
    """For -o json and -o yaml."""
    return as_json(data) if output == Format.JSON else as_yaml(data)


def write(text: str) -> None:
    """As it is: for what was made safe before."""
    typer.echo(text, nl=False)


def line(text: str = "") -> None:
    typer.echo(printable(text))


def note(text: str) -> None:
    """For people only: it never mixes with what a script reads."""
    typer.echo(printable(text), err=True)


def glyph(drawn: str, plain: str) -> str:
    """Drawn for people at a terminal; what is piped stays ASCII."""
    return drawn if sys.stdout.isatty() and "utf" in (sys.stdout.encoding or "").lower() else plain


def _captured(shown: object) -> None:
    """Colours and widths follow the terminal, NO_COLOR and TERM; without a terminal there are none."""
    from rich.console import Console

    terminal = sys.stdout.isatty()
    console = Console(
        file=sys.stdout if terminal else _Piped(),
        highlight=False,
        markup=False,
        emoji=False,
        width=None if terminal else _PIPED_WIDTH,
    )
    with console.capture() as captured:
        console.print(shown)
    # Nobody needs blanks at the ends of lines.
    write("".join(f"{each.rstrip()}\n" for each in captured.get().splitlines()))


class _Piped(io.StringIO):
    # What rich draws with follows from this.
    encoding = "ascii"


_GAP = 3
# Of a column that may be cut this much is left in the narrowest terminal.
_CUT_LEAST = 20
# A cell is text, or text and a rich style.
Cell = str | tuple[str, str]


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """As kubectl prints them: no lines, and only as wide as it has to be."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for column in columns:
        shown.add_column(Text(printable(column)), overflow="fold")
    for row in rows:
        shown.add_row(*(Text(printable(text), style) for text, style in map(_styled, row)))
    _captured(shown)


def squeezed(
    columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, spare: Sequence[str], cut: str
) -> tuple[Sequence[str], Sequence[Sequence[Cell]]]:
    """For a terminal that is too narrow: one column is cut, and as many go as have to, the first of `spare` first.

    What tells one entry from another is at the end of the column that is cut, so its end is left. A pipe gets all.
    """
    if not sys.stdout.isatty():
        return columns, rows
    table: list[list[Cell]] = [list(columns), *map(list, rows)]
    at, least = columns.index(cut), _CUT_LEAST
    for name in spare:
        if _room(table) + max(_width(table, at) - least, 0) >= 0:
            break
        gone = table[0].index(name)
        table = [[*row[:gone], *row[gone + 1 :]] for row in table]
        at = table[0].index(cut)
    longest = max(least, _width(table, at) + min(_room(table), 0))
    head, *body = table
    return [str(name) for name in head], [[*row[:at], _end_of(row[at], longest), *row[at + 1 :]] for row in body]


def _room(table: Sequence[Sequence[Cell]]) -> int:
    """How many characters of the terminal's width would be left."""
    from rich.console import Console

    return Console(file=sys.stdout).width - sum(_width(table, at) + _GAP for at in range(len(table[0])))


def _width(table: Sequence[Sequence[Cell]], at: int) -> int:
    return max(len(_styled(row[at])[0]) for row in table)


def _end_of(cell: Cell, longest: int) -> Cell:
    text, style = _styled(cell)
    return (text if len(text) <= longest else f"{glyph('…', '~')}{text[1 - longest :]}", style)


def _styled(cell: Cell) -> tuple[str, str]:
    return cell if isinstance(cell, tuple) else (cell, "")


# What one line says, in which style, and what hangs below it.
Branch = tuple[tuple[str, str], Sequence["Branch"]]


def tree(root: Branch) -> None:
    from rich.text import Text
    from rich.tree import Tree

    def grown(branch: Branch) -> Tree:
        (text, style), below = branch
        made = Tree(Text(printable(text), style))
        made.children.extend(grown(each) for each in below)
        return made

    _captured(grown(root))


def colour_of(status: str | None) -> str:
    """Of a condition's status that is good when True."""
    return {"True": "green", "False": "red"}.get(status or "", "yellow")
