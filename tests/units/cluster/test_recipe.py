"""The recipe: what is built from what, and which change makes which binary another one."""

import re
import shutil
from pathlib import Path

import pytest

from tools.cluster import recipe

MODULE = recipe.MODULE


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The Go module in a folder where it may be changed."""
    copied = tmp_path / "go"
    shutil.copytree(MODULE, copied)
    monkeypatch.setattr(recipe, "MODULE", copied)
    return copied


def inputs() -> dict[str, str]:
    return {name: recipe.inputs_of(name) for name in [*recipe.packages(), recipe.STAGES]}


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text() + text)


def test_the_same_files_elsewhere_are_the_same_recipe(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = recipe.key()
    monkeypatch.setattr(recipe, "MODULE", MODULE)
    assert recipe.key() == here
    assert re.fullmatch("[0-9a-f]{12}", here)


def test_a_change_of_our_own_program_changes_the_key_and_only_that_programs_inputs(copy: Path) -> None:
    key, before = recipe.key(), inputs()
    append(copy / "probe" / "main.go", "// changed\n")
    after = inputs()
    assert recipe.key() != key
    assert [name for name in before if before[name] != after[name]] == ["probe"]


@pytest.mark.parametrize("file", ["go.mod", "go.sum"])
def test_a_change_of_the_pinned_modules_changes_every_binary(copy: Path, file: str) -> None:
    key, before = recipe.key(), inputs()
    append(copy / file, "\n")
    after = inputs()
    assert recipe.key() != key
    assert all(before[name] != after[name] for name in recipe.packages())


def test_another_kwok_brings_other_stages_and_another_kubernetes_does_not(copy: Path) -> None:
    before = recipe.inputs_of(recipe.STAGES)
    modules = (copy / "go.mod").read_text()
    (copy / "go.mod").write_text(modules.replace(f"k8s.io/kubernetes {recipe.KUBERNETES}", "k8s.io/kubernetes v1.99.0"))
    assert recipe.inputs_of(recipe.STAGES) == before
    (copy / "go.mod").write_text(modules.replace("sigs.k8s.io/kwok v", "sigs.k8s.io/kwok v9"))
    assert recipe.inputs_of(recipe.STAGES) != before


@pytest.mark.parametrize("name", ["KUBERNETES", "TAGS", "KWOK_STAGES", "IMAGES"])
def test_every_setting_of_the_recipe_is_part_of_its_key(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    key = recipe.key()
    changed: object = "v1.99.0" if name == "KUBERNETES" else "other"
    monkeypatch.setattr(recipe, name, changed)
    assert recipe.key() != key


def test_all_modules_of_kubernetes_have_the_minor_version_of_the_recipe() -> None:
    modules = (MODULE / "go.mod").read_text()
    assert recipe.required("k8s.io/kubernetes") == recipe.KUBERNETES
    staging = recipe.KUBERNETES.replace("v1.", "v0.", 1)
    replaced = dict(re.findall(r"^\s(k8s\.io/\S+) => \1 (\S+)$", modules, re.MULTILINE))
    assert set(replaced.values()) == {staging}
    assert modules.count(" => ") == len(replaced)
    # Kubernetes requires its own parts as v0.0.0, which exists nowhere: each needs its replacement.
    demanded = set(re.findall(r"^\s(k8s\.io/\S+) v0\.(?:0\.0|36\.\d+)(?: |$)", modules, re.MULTILINE))
    assert demanded <= set(replaced)


def test_go_mod_asks_for_the_go_that_the_recipe_asks_for() -> None:
    wanted = ".".join(map(str, recipe.LEAST_GO))
    assert f"\ngo {wanted}\n" in (MODULE / "go.mod").read_text()


def test_every_package_is_pinned_by_go_mod_or_is_our_own() -> None:
    listed = set(re.findall(r'_ "(.+)"', (MODULE / "tools.go").read_text()))
    foreign = {package for package in (recipe.CONTROL | recipe.NODE).values() if not package.startswith("./")}
    own = {package for package in (recipe.CONTROL | recipe.NODE).values() if package.startswith("./")}
    assert foreign == listed
    assert own == {f"./{folder.name}" for folder in MODULE.iterdir() if folder.is_dir()}


def test_binaries_say_their_versions() -> None:
    flags = recipe.link_flags()
    assert f"-X k8s.io/component-base/version.gitVersion={recipe.KUBERNETES} " in flags
    assert "-X k8s.io/component-base/version.gitMinor=36 " in flags
    for module, variable in (
        ("github.com/containerd/containerd/v2", "version.Version"),
        ("sigs.k8s.io/kwok", "pkg/consts.Version"),
    ):
        assert f"-X {module}/{variable}={recipe.required(module)}" in flags


def test_a_module_that_is_not_required_is_named() -> None:
    with pytest.raises(LookupError, match=r"helm\.sh is not required by .*go\.mod"):
        recipe.required("helm.sh")


@pytest.mark.parametrize("shape", ["api", "control", "node"])
def test_a_shape_needs_only_what_is_built(shape: str) -> None:
    built = {*recipe.CONTROL, *recipe.NODE, recipe.STAGES, *recipe.IMAGES}
    needed = recipe.needed_by(shape)
    assert set(needed) <= built
    assert len(set(needed)) == len(needed)
    assert set(recipe.needed_by("api")) <= set(needed)


def test_every_image_is_made_of_a_program_that_is_built() -> None:
    assert set(recipe.IMAGES.values()) <= set(recipe.packages())
