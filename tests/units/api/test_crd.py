"""The definition keeps to what Kubernetes allows, describes every field, and stays small."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plimsoll.api import names
from plimsoll.api.crd import custom_resource_definition, part_at, structural_schema
from plimsoll.api.kinds import KINDS, Kind
from plimsoll.api.parts import leaves
from tools.generate.__main__ import main
from tools.generate.definition import definition_text

Schema = dict[str, Any]

LARGEST = 60_000
# From the chapter on structural schemas of the Kubernetes documentation.
FORBIDDEN = {
    "$ref",
    "$defs",
    "definitions",
    "title",
    "const",
    "examples",
    "discriminator",
    "uniqueItems",
    "patternProperties",
    "prefixItems",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "deprecated",
}
# kubectl, the core kinds, and what is often installed beside a model.
TAKEN_SHORT_NAMES = """
cm cs csr deploy ds ep ev hpa ing limits netpol no ns pc pdb po psp pv pvc quota rc rs sa sc sts svc cj crd mc mcp mcd
mr ms md isvc llmisvc ir ig tr sr lws rb wl cq lq rf pm prom smon vs gw dr se gtw httproute app apps appset appsets
appproj ks hr helmrelease gitrepo ocirepo cert certs issuer so sj sm ro at ar ex vpa mconf mdl
"""
TAKEN_CATEGORIES = {"all", "api-extensions", "knative", "cert-manager", "istio-io", "gateway-api", "monitoring"}


def nodes(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    yield path, schema
    for key, field in schema.get("properties", {}).items():
        yield from nodes(field, f"{path}.{key}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from nodes(schema[key], f"{path}[]")


ALL = {kind: list(nodes(structural_schema(kind))) for kind in KINDS}
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def fields_of(kind: Kind) -> list[tuple[str, Schema]]:
    return [(path, field) for path, field in ALL[kind] if path and not path.endswith("[]") and path != ".metadata"]


@every_kind
def test_a_definition_is_under_60_kb(kind: Kind) -> None:
    assert len(definition_text(kind).encode()) <= LARGEST


@every_kind
def test_no_part_uses_what_a_structural_schema_forbids(kind: Kind) -> None:
    assert [(path, key) for path, node in ALL[kind] for key in FORBIDDEN & set(node)] == []


@every_kind
def test_every_part_has_a_type_or_is_a_number_or_text(kind: Kind) -> None:
    assert [path for path, node in ALL[kind] if "type" not in node and not node.get("x-kubernetes-int-or-string")] == []


@every_kind
def test_every_field_is_described_in_twenty_characters_or_more(kind: Kind) -> None:
    assert [path for path, field in fields_of(kind) if len(field.get("description", "")) < 20] == []


@every_kind
def test_no_two_fields_have_the_same_description(kind: Kind) -> None:
    counts = Counter(field["description"] for _, field in fields_of(kind))
    assert [text for text, count in counts.items() if count > 1] == []


@every_kind
def test_every_field_that_may_be_absent_says_what_then_is(kind: Kind) -> None:
    silent = []
    for path, node in ALL[kind]:
        if not path.startswith(".spec"):
            continue
        for key, field in node.get("properties", {}).items():
            says = re.search(r"Default:|Without it|Either this|Absent", field["description"])
            group = "properties" in field or key in ("configMap", "emptyDir", "persistentVolumeClaim")
            if key not in node.get("required", ()) and "default" not in field and not says and not group:
                silent.append(f"{path}.{key}")
    assert silent == []


@every_kind
def test_every_number_of_a_size_or_time_names_its_unit(kind: Kind) -> None:
    units = (
        "bytes tokens seconds minutes cores percent pods gpus threads requests layers number smallest largest factor "
        "share generation without start"
    )
    numbers = [(path, field) for path, field in fields_of(kind) if field.get("type") in ("integer", "number")]
    named = units.replace(" ", "|")
    assert [path for path, field in numbers if not re.search(named, field["description"].lower())] == []


@every_kind
def test_every_text_list_and_map_of_spec_is_bounded_so_that_rules_have_a_known_cost(kind: Kind) -> None:
    bound = {"string": "maxLength", "array": "maxItems"}
    free = [
        path
        for path, node in ALL[kind]
        if path.startswith(".spec") and node.get("type") in bound and "enum" not in node
        and bound[node["type"]] not in node
    ]  # fmt: skip
    maps = [path for path, node in ALL[kind] if "additionalProperties" in node and "maxProperties" not in node]
    assert (free, maps) == ([], [])


@every_kind
def test_every_list_says_how_two_writers_share_it(kind: Kind) -> None:
    lists = [(path, node) for path, node in ALL[kind] if node.get("type") == "array"]
    assert [path for path, node in lists if "x-kubernetes-list-type" not in node] == []


@every_kind
def test_entries_of_a_map_list_have_their_key(kind: Kind) -> None:
    for path, node in ALL[kind]:
        for key in node.get("x-kubernetes-list-map-keys", ()):
            assert key in node["items"]["required"], path


@every_kind
def test_the_only_default_of_status_says_that_nobody_has_looked_because_the_operator_writes_it_whole(
    kind: Kind,
) -> None:
    defaults = {path: node["default"] for path, node in ALL[kind] if path.startswith(".status") and "default" in node}
    assert defaults == {".status": {"observedGeneration": 0}}


@every_kind
def test_every_pattern_can_be_read_by_python_and_by_go(kind: Kind) -> None:
    patterns = [node["pattern"] for _, node in ALL[kind] if "pattern" in node]
    assert patterns
    for pattern in patterns:
        re.compile(pattern)
        assert not re.search(r"\(\?[=!<]|\\[1-9]", pattern), "Go's expressions look neither ahead nor behind"


@every_kind
def test_every_rule_stands_in_the_definition_where_it_looks(kind: Kind) -> None:
    for rule in kind.rules:
        held = part_at(structural_schema(kind), rule.at)["x-kubernetes-validations"]
        assert {"rule": rule.cel, "message": rule.told}.items() <= held[_index(held, rule.cel)].items()


def _index(held: list[Schema], cel: str) -> int:
    return next(index for index, each in enumerate(held) if each["rule"] == cel)


def test_scale_has_both_paths_and_the_selector_and_all_exist() -> None:
    version = custom_resource_definition()["spec"]["versions"][0]
    scale = version["subresources"]["scale"]
    assert set(scale) == {"specReplicasPath", "statusReplicasPath", "labelSelectorPath"}
    for path in scale.values():
        assert part_at(structural_schema(), path.removeprefix("."))["type"] in ("integer", "string")
    assert version["subresources"]["status"] == {}


@every_kind
def test_a_column_shows_a_field_that_exists(kind: Kind) -> None:
    for _, type_, path in kind.columns:
        plain = re.sub(r"\[\?.*?\]", "[]", path).removeprefix(".")
        if not plain.startswith("metadata."):
            assert part_at(structural_schema(kind), plain)["type"] == type_


def test_the_short_name_and_the_category_belong_to_nobody_else() -> None:
    assert not {kind.short_name for kind in KINDS} & set(TAKEN_SHORT_NAMES.split())
    assert names.CATEGORY not in TAKEN_CATEGORIES


@every_kind
def test_no_field_is_called_like_a_word_that_yaml_takes_for_something_else(kind: Kind) -> None:
    words = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
    assert [path for path, _ in leaves(structural_schema(kind)) if path.rpartition(".")[2].lower() in words] == []


def test_the_files_that_are_made_are_those_in_the_tree(tmp_path: Path) -> None:
    assert main(["--check"]) == 0
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0
    made = tmp_path / "manifests/crds/modelconfigs.yaml"
    made.write_text(made.read_text() + "\n")
    assert main(["--check"], tmp_path) == 1
    assert main(["--all"], tmp_path) == 2
