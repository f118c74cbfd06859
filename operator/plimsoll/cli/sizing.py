"""`plimsoll size`: what a model takes, part by part, before or after it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plimsoll.cli.grouping import grouped
from plimsoll.cli.output import Format, FormatOption
from plimsoll.cli.reaching import Object, Reached, Where, asked

if TYPE_CHECKING:
    from plimsoll.api.status import Sizing
    from plimsoll.cli.answers import SizeAnswer

Subject = Annotated[
    str, typer.Argument(metavar="SUBJECT", help="A ModelConfig or GGUF file, an address, - , or a ModelConfig NAME.")
]


@dataclass(frozen=True)
class Assumed:
    """What to take for granted instead of asking."""

    config: Annotated[
        Path | None, typer.Option("--config", help="The operator's configuration. Default: one CPU profile, `cpu`.")
    ] = None
    header: Annotated[
        Path | None, typer.Option("--header", help="A GGUF file here, instead of reading the source's header.")
    ] = None
    tokens: Annotated[int | None, typer.Option("--tokens", help="Instead of spec.context.")] = None
    parallel: Annotated[int | None, typer.Option("--parallel", help="Instead of spec.parallel.")] = None
    memory: Annotated[str | None, typer.Option("--memory", help="Instead of spec.resources.limits.memory.")] = None


@grouped
def size(where: Where, assumed: Assumed, subject: Subject, output: FormatOption = Format.TABLE) -> None:
    """Show how much memory a model takes, and why.

    Weights are never downloaded: the first megabytes tell. A NAME shows what the operator computed. Exit code 1 when
    it does not fit.

    \b
    plimsoll size model.yaml --tokens 16384
    plimsoll size https://models.example.com/tiny-q8_0.gguf
    plimsoll size chat
    """
    from plimsoll.cli.exits import ExitCode
    from plimsoll.cli.output import structured, write
    from plimsoll.cli.sizing_offline import document_of, sizes_of

    document = document_of(subject, assumed)
    answer = sizes_of(document, subject, assumed) if document else _recorded(where, assumed, subject)
    if output == Format.TABLE:
        tell(answer)
    else:
        write(structured(answer.data(), output))
    if not answer.fits:
        raise typer.Exit(ExitCode.NO)


def _recorded(where: Where, assumed: Assumed, name: str) -> SizeAnswer:
    """What the operator wrote into the status."""
    from plimsoll.api.status import Sizing
    from plimsoll.cli.exits import NotThere, Unusable
    from plimsoll.cli.getting import condition

    if assumed != Assumed():
        raise Unusable(
            f"{name} is an object in the cluster, which was sized with its own settings",
            fix=f"try others on a file: plimsoll export {name} --to model.yaml",
        )

    async def question(reached: Reached) -> Object:
        return await reached.model_config(name)

    config = asked(where, question)
    if "source" not in config["spec"]:
        raise hosted_elsewhere(name)
    status: dict[str, Any] = config.get("status") or {}
    ready = condition(config, "Ready") or {}
    if "sizing" not in status and ready.get("reason") != "DoesNotFit":
        why = ready.get("message") or "the operator has not looked at it yet"
        raise NotThere(f"{name} has no sizes: {why}", fix=f"see plimsoll status {name}")
    subject = f"{config['metadata']['namespace']}/{name}"
    if "sizing" not in status:
        return not_fitting(subject, ready["reason"], ready["message"])
    return fitting(subject, Sizing.model_validate(status["sizing"]), status.get("hardware"))


def hosted_elsewhere(subject: str) -> Exception:
    from plimsoll.cli.exits import Unusable

    return Unusable(f"{subject} is hosted by a provider", fix="size a model that runs here")


def fitting(subject: str, sizing: Sizing, hardware: str | None) -> SizeAnswer:
    from plimsoll.cli.answers import PartAnswer, SizeAnswer

    return SizeAnswer(
        subject=subject,
        fits=True,
        hardware=hardware,
        parts=tuple(PartAnswer(name=each.name, bytes=each.bytes, why=each.why) for each in sizing.parts),
        total_bytes=sizing.total_bytes,
        memory_request=sizing.memory_request,
        memory_limit=sizing.memory_limit,
        threads=sizing.threads,
        gpu_layers=sizing.gpu_layers,
        reasons=sizing.reasons,
    )


def not_fitting(subject: str, reason: str, message: str, fix: str = "") -> SizeAnswer:
    from plimsoll.cli.answers import SizeAnswer, TroubleAnswer

    return SizeAnswer(subject=subject, fits=False, trouble=TroubleAnswer(reason=reason, message=message, fix=fix))


def tell(answer: SizeAnswer) -> None:
    from plimsoll.cli.output import line, table
    from plimsoll.plan.sizing_words import in_bytes

    on = f" on {answer.hardware}" if answer.hardware else ""
    line(f"{answer.subject}{on}" if answer.trouble is None else f"{answer.subject}: {answer.trouble.reason}")
    if answer.trouble:
        line(answer.trouble.message)
        if answer.trouble.fix:
            line(f"What to do: {answer.trouble.fix}")
        return
    rows = [(part.name, in_bytes(part.bytes), part.why) for part in answer.parts]
    table(("PART", "SIZE", "WHY"), [*rows, (("total", "bold"), (in_bytes(answer.total_bytes or 0), "bold"), "")])
    given = (
        ("memory request", answer.memory_request),
        ("memory limit", answer.memory_limit),
        ("threads", answer.threads),
        ("GPU layers", answer.gpu_layers),
    )
    line(", ".join(f"{name} {value}" for name, value in given if value is not None))
    for reason in answer.reasons:
        line(f"- {reason}")
    if answer.fallback:
        line()
        tell(answer.fallback)
