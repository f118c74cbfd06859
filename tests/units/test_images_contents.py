"""What takes the room in an image: read from archives made here, layer by layer."""

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.images import contents
from tools.images.contents import Part

SITE = "opt/plimsoll/lib/python3.11/site-packages"


def tar(files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.LNKTYPE, target
            archive.addfile(entry)
    return made.getvalue()


def image(folder: Path, layers: Sequence[bytes]) -> Path:
    files = {f"{number}/layer.tar": layer for number, layer in enumerate(layers)}
    config = {"rootfs": {"diff_ids": [f"sha256:{number}" for number in range(len(layers))]}}
    manifest = [{"Config": "config.json", "Layers": list(files)}]
    files |= {"config.json": json.dumps(config).encode(), "manifest.json": json.dumps(manifest).encode()}
    archive = folder / "image.tar"
    archive.write_bytes(tar(files))
    return archive


def sizes(archive: Path) -> dict[str, int]:
    return {part.name: part.size for part in contents.parts_of(archive)}


def test_a_file_counts_as_the_topmost_layer_leaves_it(tmp_path: Path) -> None:
    lower = tar({"etc/kept": b"1234", "etc/changed": b"1234", "etc/removed": b"1234", "srv/a/b": b"1234"})
    upper = tar({"etc/changed": b"12", "etc/.wh.removed": b"", "srv/.wh.a": b""})
    assert sizes(image(tmp_path, [lower, upper])) == {"base": 6}


def test_an_opaque_folder_hides_what_lies_below(tmp_path: Path) -> None:
    lower = tar({"srv/a/b": b"1234", "srv/c": b"1234", "etc/d": b"1"})
    assert sizes(image(tmp_path, [lower, tar({"srv/.wh..wh..opq": b""})])) == {"base": 1}


def test_a_hard_link_takes_no_room(tmp_path: Path) -> None:
    assert sizes(image(tmp_path, [tar({"etc/a": b"1234"}, links={"etc/b": "etc/a"})])) == {"base": 4}


def test_bytecode_and_commands_belong_to_the_distribution_that_brought_them(tmp_path: Path) -> None:
    record = b"demo/a.py,sha256=x,1\n../../../bin/demo,sha256=x,1\ndemo_kit-1.2.dist-info/RECORD,,\n"
    files = {
        f"{SITE}/demo/a.py": b"12",
        f"{SITE}/demo/__pycache__/a.cpython-311.pyc": b"123",
        f"{SITE}/demo_kit-1.2.dist-info/RECORD": record,
        "opt/plimsoll/bin/demo": b"12345",
        "opt/plimsoll/bin/python": b"1",
    }
    parts = contents.parts_of(image(tmp_path, [tar(files)]))
    assert parts == [Part("python", "", 1), Part("demo-kit", "1.2", 10 + len(record))]


def test_python_is_told_apart_from_the_base_wherever_the_base_has_it(tmp_path: Path) -> None:
    python = [
        "usr/lib/python3.11/os.py",
        "usr/local/lib/python3.11/os.py",
        "usr/bin/python3.11",
        "usr/local/bin/python3",
    ]
    files = dict.fromkeys(python, b"1") | {"usr/lib/x86_64-linux-gnu/libc.so.6": b"12", "etc/passwd": b"1"}
    assert sizes(image(tmp_path, [tar(files)])) == {"base": 3, "python": 4}


def test_the_table_has_base_and_python_first_then_the_largest_and_ends_with_the_sum() -> None:
    parts = [Part("base", "", 23_500_000), Part("python", "", 29_900_000), Part("kopf", "1.45.2", 1_700_000)]
    lines = contents.table("localhost/plimsoll/plimsoll:abc", parts).splitlines()
    assert lines[0] == "localhost/plimsoll/plimsoll:abc"
    assert [line.split()[0] for line in lines[1:]] == ["base", "python", "kopf", "unpacked"]
    assert lines[-1].split()[-2:] == ["55.1", "MB"]


def test_distributions_are_ordered_by_size(tmp_path: Path) -> None:
    files: dict[str, bytes] = {"etc/a": b"1"}
    for name, size in (("small", 1), ("large", 900)):
        files[f"{SITE}/{name}-1.dist-info/RECORD"] = f"{name}.py,,\n".encode()
        files[f"{SITE}/{name}.py"] = b"x" * size
    assert list(sizes(image(tmp_path, [tar(files)]))) == ["base", "python", "large", "small"]


def test_the_layers_of_an_image_are_named_by_their_digests(tmp_path: Path) -> None:
    assert contents.layers_of(image(tmp_path, [tar({}), tar({})])) == ["sha256:0", "sha256:1"]


def test_llama_cpp_is_told_apart_from_python(tmp_path: Path) -> None:
    files = {"opt/plimsoll/bin/python": b"1", "opt/plimsoll/engine/lib/libllama.so.0": b"12", "etc/passwd": b"123"}
    assert list(sizes(image(tmp_path, [tar(files)])).items()) == [("base", 3), ("python", 1), ("llama.cpp", 2)]
