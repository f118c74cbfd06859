"""The source of one pinned vLLM, read and never run: which flags its command line has, and what its answers are."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from tools.sdists import Sdist, unpacked

VERSION = "0.33.0"
_VLLM = Sdist(
    "vllm",
    VERSION,
    "f4c33c2503d52bb411146afa9618a4f48bed68912f617e6803ac8d76e4c74112",
    "setuptools.build_meta",
    (
        "vllm/engine/arg_utils.py",
        "vllm/entrypoints/common/cli_args.py",
        "vllm/entrypoints/openai/chat_completion/protocol.py",
        "vllm/entrypoints/openai/completion/protocol.py",
        "vllm/entrypoints/serve/engine/protocol.py",
        "vllm/config/cache.py",
        "vllm/config/model.py",
        "vllm/model_executor/layers/quantization/__init__.py",
    ),
)


@cache
def source() -> Path:
    """The folder with the files that we read."""
    return unpacked(_VLLM)


def _tree(name: str) -> ast.Module:
    return ast.parse((source() / name).read_text(encoding="utf-8"))


@cache
def flags() -> dict[str, bool]:
    """Every flag of `vllm serve`, and whether it also has a form with `--no-`."""
    found: dict[str, bool] = {}
    switches = _switches("vllm/config/cache.py") | _switches("vllm/config/model.py")
    for node in ast.walk(_tree("vllm/engine/arg_utils.py")):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument":
            names = [each.value for each in node.args if isinstance(each, ast.Constant)]
            # A flag is made of the field of a configuration that has its name, and is a switch where that is.
            found |= {str(name): str(name).lstrip("-").replace("-", "_") in switches for name in names}
    for node in ast.walk(_tree("vllm/entrypoints/common/cli_args.py")):
        if isinstance(node, ast.ClassDef):
            found |= {f"--{field.replace('_', '-')}": "bool" in kind for field, kind in _fields(node).items()}
    return found


def choices(name: str, file: str) -> set[str]:
    """The values of a Literal that has this name."""
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return {str(each.value) for each in ast.walk(node.value) if isinstance(each, ast.Constant)}
    raise LookupError(f"{file} has no {name}")


def fields_of(name: str, file: str) -> set[str]:
    """Of a class."""
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.ClassDef) and node.name == name:
            return set(_fields(node))
    raise LookupError(f"{file} has no class {name}")


def _switches(file: str) -> set[str]:
    classes = [node for node in ast.walk(_tree(file)) if isinstance(node, ast.ClassDef)]
    return {field for each in classes for field, kind in _fields(each).items() if "bool" in kind}


def _fields(node: ast.ClassDef) -> dict[str, str]:
    return {
        each.target.id: ast.unparse(each.annotation)
        for each in node.body
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    }
