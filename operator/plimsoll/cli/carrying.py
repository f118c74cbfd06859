"""`plimsoll export`: ModelConfigs into files, with nothing lost."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from plimsoll.cli.grouping import grouped
from plimsoll.cli.output import DataFormat, DataFormatOption
from plimsoll.cli.reaching import AllNamespaces, Object, Reached, Where, asked

# The cluster's own notes, which mean nothing in another one.
_KEPT_METADATA = ("name", "namespace", "labels", "annotations")
_NOTES = ("kubectl.kubernetes.io/last-applied-configuration",)
Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Default: every ModelConfig.")]
Files = Annotated[
    list[str], typer.Argument(metavar="FILE", help="What export wrote: YAML or JSON files, folders, or -.")
]


@dataclass(frozen=True)
class Target:
    """Where an export goes."""

    output: DataFormatOption = DataFormat.YAML
    to: Annotated[Path | None, typer.Option("--to", help="A new file, readable by you alone.")] = None
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False


@grouped
def export(where: Where, target: Target, names: Names = None, everywhere: AllNamespaces = False) -> None:
    """Write ModelConfigs as they are declared.

    Status and the cluster's own notes are left out; `plimsoll import` and `kubectl apply` read it.

    \b
    plimsoll export chat
    plimsoll export -A --to models.yaml
    """
    from plimsoll.cli.output import note, write

    if target.to:
        refuse_overwriting(target.to, force=target.force)

    async def question(reached: Reached) -> list[Object]:
        if not names:
            return await reached.model_configs(everywhere=everywhere)
        return [await reached.model_config(name) for name in names]

    configs = [declared(config) for config in asked(where, question)]
    text = written(configs, target.output, single=bool(names) and len(configs) == 1)
    if target.to is None:
        write(text)
        return
    write_file(target.to, text, force=target.force)
    note(f"wrote {counted(len(configs))} to {target.to}")


def declared(config: Object) -> Object:
    """What somebody wrote, without what the cluster noted on it."""
    metadata = {key: config["metadata"][key] for key in _KEPT_METADATA if config["metadata"].get(key)}
    if "annotations" in metadata:
        metadata["annotations"] = {key: value for key, value in metadata["annotations"].items() if key not in _NOTES}
    kept = {key: value for key, value in metadata.items() if value}
    return {"apiVersion": config["apiVersion"], "kind": config["kind"], "metadata": kept, "spec": config["spec"]}


def written(configs: Sequence[Object], output: DataFormat, *, single: bool) -> str:
    from plimsoll.cli.output import as_documents, as_json, as_yaml

    if single:
        return as_json(configs[0]) if output == DataFormat.JSON else as_yaml(configs[0])
    if output == DataFormat.JSON:
        return as_json({"apiVersion": "v1", "kind": "List", "items": list(configs)})
    return as_documents(configs)


def refuse_overwriting(file: Path, *, force: bool = False) -> None:
    from plimsoll.cli.exits import Unusable

    if file.exists() and not force:
        raise Unusable(f"{file} is there already", fix="choose another name, or overwrite it with --force")


def write_file(file: Path, text: str, *, force: bool = False) -> None:
    """Whole or not at all: a full disk leaves the old file as it was."""
    from plimsoll.cli.exits import Unusable

    part = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        if force:
            part.replace(file)
        else:
            # Fails when somebody made the file meanwhile.
            os.link(part, file)
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise Unusable(f"{file} cannot be written: {words}", fix="choose another place") from None
    finally:
        part.unlink(missing_ok=True)


def counted(count: int) -> str:
    return f"{count} ModelConfig{'' if count == 1 else 's'}"
