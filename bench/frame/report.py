"""Report: the table that a reader sees, and the raw figures as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.table import Table

from bench.frame.host import Host, Source
from bench.frame.results import Row, Verdict, count, summary

# Wide enough for every column, where no terminal says how much room there is.
PLAIN_WIDTH = 150


@dataclass(frozen=True)
class Run:
    """All that one run of a bench is known by."""

    bench: str
    began: datetime
    command: str
    quick: bool
    host: Host
    source: Source
    rows: Sequence[Row]

    @property
    def file_name(self) -> str:
        return f"{self.bench}-{self.began:%Y%m%dT%H%M%SZ}.json"


def print_report(run: Run, raw_file: Path, stream: TextIO) -> None:
    """The table, the reasons, where the raw figures lie; the last line is the verdict of all."""
    console = Console(file=stream, highlight=False, soft_wrap=False, width=None if stream.isatty() else PLAIN_WIDTH)
    console.print(make_table(run.rows))
    for row in run.rows:
        if row.reason:
            console.print(f"{row.gate.row}: {row.reason}", markup=False, soft_wrap=True)
    console.print(f"host: {run.host}", markup=False, soft_wrap=True)
    console.print(f"source: {run.source}; command: {run.command}", markup=False, soft_wrap=True)
    console.print(f"raw figures: {raw_file}", markup=False, soft_wrap=True)
    console.print(summary(run.rows), markup=False, soft_wrap=True)


def make_table(rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("row", "gate", "measured", "spread", "n", "peer", "ratio", "other load", "verdict"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(
            row.gate.row,
            row.gate.wanted(),
            show(row, row.median),
            show_spread(row),
            str(len(row.ours)),
            f"{row.peer_name} {show(row, row.peer_median)}" if row.peer_name else "-",
            show_ratio(row),
            show_load(row),
            row.verdict.value,
        )
    return table


def show(row: Row, figure: float | None) -> str:
    return "-" if figure is None else row.gate.show(figure)


def show_spread(row: Row) -> str:
    """The smallest and the largest figure: with a handful of repetitions nothing finer would be honest."""
    if len(row.ours) < 2:
        return "-"
    return f"{row.gate.show(min(row.ours))} to {row.gate.show(max(row.ours))}"


def show_ratio(row: Row) -> str:
    if row.ratio is None:
        return "-"
    return f"{row.ratio:.3g} ({min(row.ratios):.3g} to {max(row.ratios):.3g})"


def show_load(row: Row) -> str:
    """What disturbed the row most: the busiest others, the most stolen, the highest load average."""
    if not row.loads:
        return "-"
    others = max(load.others for load in row.loads)
    stolen = max(load.stolen for load in row.loads)
    average = max(load.average for load in row.loads)
    return f"{others:.0%} others, {stolen:.0%} stolen, load {average:.1f}"


def write_raw(run: Run, folder: Path) -> Path:
    """Everything that was measured, in base units, in a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / run.file_name
    document = {
        "bench": run.bench,
        "began": run.began.isoformat(),
        "command": run.command,
        "quick": run.quick,
        "host": asdict(run.host),
        "source": asdict(run.source),
        "rows": [raw_row(row) for row in run.rows],
        "passed": count(run.rows, Verdict.PASSED),
        "failed": count(run.rows, Verdict.FAILED),
    }
    file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return file


def raw_row(row: Row) -> dict[str, object]:
    return {
        "row": row.gate.row,
        "gate": asdict(row.gate),
        "ours": row.ours,
        "median": row.median,
        "peer_name": row.peer_name,
        "peer": row.peer,
        "peer_median": row.peer_median,
        "ratios": row.ratios,
        "ratio": row.ratio,
        "loads": [asdict(load) for load in row.loads],
        "verdict": row.verdict.value,
        "reason": row.reason,
    }
