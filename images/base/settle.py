"""Runs once in the build: compiles Python's own modules, which a read-only root cannot cache; drops installers."""

import compileall
import py_compile
import shutil
import sysconfig
from pathlib import Path


def main() -> None:
    shutil.rmtree(Path(__file__).parent)
    # A Python image brings pip here; the base made from Debian packages has nothing.
    for path in Path(sysconfig.get_path("purelib")).glob("*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in Path(sysconfig.get_path("scripts")).glob("pip*"):
        path.unlink()
    library = Path(sysconfig.get_path("stdlib"))
    for unused in ("ensurepip", "idlelib", "lib2to3", "test", "tkinter", "turtledemo"):
        shutil.rmtree(library / unused, ignore_errors=True)
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(library, quiet=2, invalidation_mode=mode)


main()
