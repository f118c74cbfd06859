"""Import contracts that hold for rooms which may not exist yet: a rule waits until its room is there."""

from grimp import ImportGraph
from importlinter import Contract, ContractCheck
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.protected import ProtectedContract
from importlinter.domain.imports import ModuleExpression


def keep_present(contract: Contract, graph: ImportGraph, *options: str) -> None:
    # By name, because import-linter types these attributes as the fields that parse them.
    for option in options:
        expressions: list[ModuleExpression] = getattr(contract, option)
        known = [e for e in expressions if e.has_wildcard_expression() or e.expression in graph.modules]
        setattr(contract, option, known)


class ForbiddenInRooms(ForbiddenContract):
    """import-linter's `forbidden`, which refuses to run while one of its modules is missing."""

    type_name = "forbidden_in_rooms"

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        keep_present(self, graph, "source_modules", "forbidden_modules")
        return super().check(graph, verbose)


class OnlyImporters(ProtectedContract):
    """import-linter's `protected`, which refuses to run while nothing imports the protected module."""

    type_name = "only_importers"

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        keep_present(self, graph, "protected_modules", "allowed_importers")
        return super().check(graph, verbose)
