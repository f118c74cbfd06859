"""Building what is missing: against a `go` on the PATH that behaves as the real one, in a thousandth of the time."""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.units.cluster.conftest import Programs, Told
from tools.cluster import archives, build, cache, process, recipe
from tools.cluster.cache import Cache
from tools.cluster.errors import ClusterError

GO = """
import json, os, pathlib, signal, sys
folder = pathlib.Path(__file__).parent
with open(folder / "go.calls", "a") as notes:
    print(*sys.argv[1:], file=notes)

def say(line):
    print(line, file=sys.stderr, flush=True)

def obey(verb):
    asked = folder / f"on-{verb}"
    exec(asked.read_text() if asked.exists() else "")

match sys.argv[1]:
    case "env":
        print("go1.99.0")
    case "list":
        say("go: downloading example.org/one v1.0.0")
        say("go: downloading example.org/two v2.0.0")
        obey("list")
        print("fmt", "os", "fmt", "main", sep="\\n")
    case "build":
        target = sys.argv.index("-o") + 1
        say("go: finding nothing new")
        for package in sys.argv[target + 1 :]:
            name = package.split("/")[-1]
            pathlib.Path(sys.argv[target], {"v3": "server"}.get(name, name)).write_text(f"program {package}")
            say(package)
            obey("build")
    case "mod":
        print(json.dumps({"Dir": str(folder / "kwok")}))
"""
SMALL_STAGE = "kind: Stage\nmetadata: {name: NAME}\n"


def make_stages(module: Path) -> None:
    for folder in recipe.KWOK_STAGES:
        stages = module / "kustomize" / "stage" / folder
        stages.mkdir(parents=True)
        name = folder.replace("/", "-")
        (stages / "stage.yaml").write_text(SMALL_STAGE.replace("NAME", name))
        (stages / "kustomization.yaml").write_text("kind: Kustomization\n")


@pytest.fixture
def go(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> Programs:
    programs.put_python("go", GO)
    make_stages(programs.folder / "kwok")
    free_space(monkeypatch, gib=100)
    # Twenty files are put on disk in each test; that they are safe there is the cache's own test.
    monkeypatch.setattr(os, "fsync", lambda _: None)
    return programs


def free_space(monkeypatch: pytest.MonkeyPatch, gib: float) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=int(gib * 1024**3)))


def when(go: Programs, verb: str, do: str) -> None:
    """Python that the tool runs in the middle of this verb."""
    (go.folder / f"on-{verb}").write_text(do)


def packages_of(go: Programs, verb: str) -> Sequence[str]:
    call = next(call for call in go.calls("go") if call.startswith(f"{verb} "))
    return [word for word in call.split() if word in set(recipe.packages().values())]


def work() -> Path:
    return cache.cache_root() / "go"


def test_everything_is_built_once_for_all_shapes(go: Programs, told: Told) -> None:
    store = build.ensure("api", told)
    assert set(packages_of(go, "build")) == set(recipe.packages().values())
    for name, package in recipe.packages().items():
        assert store.path(name).read_text() == f"program {package}"
    calls = go.calls("go")
    for shape in ("control", "node"):
        assert build.ensure(shape, told).folder == store.folder
    assert go.calls("go") == calls


def test_archives_and_stages_are_made_besides_the_binaries(go: Programs, told: Told) -> None:
    store = build.ensure("node", told)
    assert archives.reference(store.path("probe.tar")).startswith("localhost/plimsoll/probe:")
    stages = store.path(recipe.STAGES).read_text()
    assert stages.count("kind: Stage") == len(recipe.KWOK_STAGES)
    assert "Kustomization" not in stages
    assert stages.count("\n---\n") == len(recipe.KWOK_STAGES) - 1


def test_a_kwok_without_stages_is_an_error(go: Programs, told: Told) -> None:
    shutil.rmtree(go.folder / "kwok" / "kustomize")
    with pytest.raises(ClusterError, match="KWOK_STAGES"):
        build.ensure("control", told)


def test_progress_tells_modules_packages_and_linked_binaries(go: Programs, told: Told) -> None:
    build.ensure("node", told)
    count = len(recipe.packages())
    assert told.updates[:2] == [
        "downloading modules: 1, example.org/one v1.0.0",
        "downloading modules: 2, example.org/two v2.0.0",
    ]
    compiled = told.updates[2:]
    # Three packages are listed, one of them twice.
    assert re.fullmatch(rf"compiled 1 of 3 packages, linked \d+ of {count}: .*etcd/server/v3", compiled[0])
    assert compiled[-1].startswith(f"compiled {count} of 3 packages, linked {count} of {count}: ")
    assert len(compiled) == count


def test_go_is_kept_to_our_module_and_to_caches_that_go_away(go: Programs, told: Told) -> None:
    variables = ("GOMODCACHE", "GOCACHE", "GOFLAGS", "GOTOOLCHAIN", "CGO_ENABLED", "PWD")
    noted = go.folder / "environment"
    when(
        go, "list", f"open({str(noted)!r}, 'w').write(repr([os.environ.get(v) for v in {variables!r}] + [os.getcwd()]))"
    )
    build.ensure("api", told)
    modules, objects, flags, toolchain, cgo, _, folder = eval(noted.read_text())
    assert Path(modules).parent == Path(objects).parent == work()
    assert "-mod=readonly" in flags.split()
    assert (toolchain, cgo, folder) == ("local", "0", str(recipe.MODULE))


def test_the_work_folder_goes_with_success_and_stays_with_failure(go: Programs, told: Told) -> None:
    when(go, "build", "sys.exit(1)")
    with pytest.raises(ClusterError):
        build.ensure("api", told)
    assert (work() / "build.log").exists()
    when(go, "build", "")
    build.ensure("api", told)
    assert not work().exists()


def test_a_failed_build_shows_the_end_of_its_log_and_that_nothing_is_lost(go: Programs, told: Told) -> None:
    when(go, "build", "[say(f'line {i}') for i in range(20)]; say('undefined: x'); sys.exit(1)")
    with pytest.raises(ClusterError) as failure:
        build.ensure("api", told)
    first, *tail = str(failure.value).splitlines()
    assert first.startswith("go build failed; its log: ")
    assert "goes on where it stopped" in first
    assert (tail[-1], len(tail)) == ("undefined: x", 15)


def test_an_interrupted_build_ends_its_compiler(go: Programs, told: Told) -> None:
    when(go, "build", f"open({str(go.folder / 'pid')!r}, 'w').write(str(os.getpid())); say('waiting'); signal.pause()")

    def interrupt(text: str) -> None:
        if "waiting" in text:
            raise KeyboardInterrupt

    told.on_update = interrupt
    with pytest.raises(KeyboardInterrupt):
        build.ensure("api", told)
    assert process.birth_of(int((go.folder / "pid").read_text())) == ""


def test_a_full_disk_is_refused_before_anything_is_downloaded(
    go: Programs, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    free_space(monkeypatch, gib=2.5)
    with pytest.raises(ClusterError, match=r"7 GiB free in .* and there are 2\.5: free some, or point XDG_CACHE_HOME"):
        build.ensure("api", told)
    assert go.calls("go") == []


def test_only_what_is_missing_is_built(go: Programs, told: Told) -> None:
    store = build.ensure("node", told)
    store.path("etcd").unlink()
    (go.folder / "go.calls").unlink()
    build.ensure("node", told)
    assert packages_of(go, "build") == [recipe.CONTROL["etcd"]]


def test_a_damaged_archive_is_made_again_without_go_and_without_its_space(
    go: Programs, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = build.ensure("node", told)
    store.path("probe.tar").write_text("")
    with pytest.raises(ClusterError, match=r"probe\.tar"):
        build.ensure("node", told)
    free_space(monkeypatch, gib=1)
    (go.folder / "go.calls").unlink()
    build.ensure("node", told)
    assert go.calls("go") == []


def test_a_change_of_our_own_program_builds_only_that_program(
    go: Programs, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = build.ensure("node", told)
    module = tmp_path / "changed"
    shutil.copytree(recipe.MODULE, module)
    (module / "probe" / "main.go").write_text("package main // changed")
    monkeypatch.setattr(recipe, "MODULE", module)
    (go.folder / "go.calls").unlink()
    after = build.ensure("node", told)
    assert after.folder != before.folder
    assert packages_of(go, "build") == ["./probe"]
    assert not any(call.startswith("mod ") for call in go.calls("go"))
    build.ensure("control", told)


def test_a_build_prunes_what_nobody_uses_and_keeps_its_own(go: Programs, told: Told, tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    forgotten = Cache.of("forgotten")
    forgotten.add(tmp_path / "old", "etcd")
    os.utime(forgotten.folder / "manifest.json", (0, 0))
    store = build.ensure("api", told)
    assert (forgotten.folder.exists(), store.folder.exists()) == (False, True)


def test_a_damaged_binary_is_never_handed_out(go: Programs, told: Told) -> None:
    store = build.ensure("api", told)
    store.path("etcd").write_text("something else")
    with pytest.raises(ClusterError, match="etcd"):
        build.ensure("api", told)
    build.ensure("api", told)


@pytest.mark.parametrize(
    ("package", "name"),
    [("go.etcd.io/etcd/server/v3", "server"), ("./probe", "probe"), ("k8s.io/kubernetes/cmd/vet", "vet")],
)
def test_a_major_version_is_no_name_of_a_program(package: str, name: str) -> None:
    assert build._output_name(package) == name
