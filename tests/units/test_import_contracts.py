"""The import contracts of pyproject.toml, held against packages that keep or break them."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from grimp import ImportGraph
from importlinter.configuration import configure
from importlinter.contracts.layers import LayersContract

from tools.lint.contracts import ForbiddenInRooms, OnlyImporters

SETTINGS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["tool"]["importlinter"]
KINDS = {kind.type_name: kind for kind in (LayersContract, ForbiddenInRooms, OnlyImporters)}
LISTED = [
    room.strip()
    for contract in SETTINGS["contracts"]
    for layer in contract.get("layers", [])
    for room in layer.split(":")
]
ROOMS = {room.strip("()") for room in LISTED}
# A room in parentheses has nothing to hold yet.
TODAY = [f"plimsoll.{room}" for room in LISTED if not room.startswith("(")]

configure()


def graph_of(*imports: tuple[str, str]) -> ImportGraph:
    """A package with the rooms that exist today, and these imports beside."""
    graph = ImportGraph()
    for module in ("plimsoll", *TODAY):
        graph.add_module(module)
    for importer, imported in imports:
        for module in (importer, imported):
            parent = module.rpartition(".")[0]
            if parent:
                graph.add_module(parent)
            graph.add_module(module, is_squashed=not module.startswith("plimsoll"))
        graph.add_import(importer=importer, imported=imported, line_number=1, line_contents=f"import {imported}")
    return graph


def broken_by(graph: ImportGraph) -> list[str]:
    """Names of the contracts that this graph breaks."""
    return [each["name"] for each in SETTINGS["contracts"] if not contract(each).check(graph, verbose=False).kept]


def contract(options: dict[str, Any]) -> Any:
    session = {"root_packages": SETTINGS["root_packages"], "include_external_packages": "True"}
    plain = {key: str(value) if isinstance(value, bool) else value for key, value in options.items()}
    return KINDS[options["type"]](name=options["name"], session_options=session, contract_options=plain)


def test_the_rooms_of_today_keep_every_contract() -> None:
    assert broken_by(graph_of(("plimsoll.cli", "plimsoll.errors"))) == []


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("plimsoll.cli", "plimsoll.controller"),
        ("plimsoll.controller.handlers", "kopf"),
        ("plimsoll.cluster.client", "kubernetes"),
        ("plimsoll.gateway.metrics", "prometheus_client"),
        ("plimsoll.gateway.app", "asyncio"),
        ("plimsoll.routing.compile", "plimsoll.cost.prices"),
    ],
)
def test_a_new_room_may_do_its_own_work(importer: str, imported: str) -> None:
    assert broken_by(graph_of((importer, imported))) == []


@pytest.mark.parametrize(
    ("importer", "imported", "contract"),
    [
        ("plimsoll.api.names", "plimsoll.plan.workload", "Imports go down only"),
        ("plimsoll.errors", "plimsoll.api", "Imports go down only"),
        ("plimsoll.errors", "plimsoll.attic", "Imports go down only"),
        ("plimsoll.controller.reconcile", "kubernetes", "Only cluster imports kubernetes"),
        ("plimsoll.cluster.client", "kopf", "Only controller imports kopf"),
        ("plimsoll.gateway.app", "prometheus_client", "Only metrics modules import prometheus_client"),
        ("plimsoll.weights.cache", "plimsoll.cluster.client", "The data path works without Kubernetes"),
        ("plimsoll.plan.workload", "asyncio", "Rooms that decide have no event loop, no network and no clock"),
        (
            "plimsoll.routing.document",
            "plimsoll.api.limits",
            "What a gateway reads needs neither the models of the API nor pydantic",
        ),
        ("plimsoll.api", "time", "Rooms that decide have no event loop, no network and no clock"),
    ],
)
def test_a_new_room_with_a_forbidden_import_breaks_its_contract(importer: str, imported: str, contract: str) -> None:
    assert contract in broken_by(graph_of((importer, imported)))


def test_the_data_path_does_not_reach_kubernetes_through_another_room_either() -> None:
    detour = graph_of(
        ("plimsoll.gateway.app", "plimsoll.ledger.store"), ("plimsoll.ledger.store", "plimsoll.cluster.client")
    )
    assert broken_by(detour) == ["The data path works without Kubernetes"]


def test_every_room_that_a_contract_names_is_a_room_of_the_layers() -> None:
    """A misspelt room would be waited for, and its rule would never hold for anything."""
    named = {
        module.split(".")[1]
        for each in SETTINGS["contracts"]
        for option in ("source_modules", "forbidden_modules", "allowed_importers")
        for module in each.get(option, [])
        if module.startswith("plimsoll.")
    }
    assert named - {"*"} <= ROOMS
