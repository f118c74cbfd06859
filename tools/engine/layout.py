"""Whether the bindings see the structures of llama.cpp as its compiler does: they are handed over by value."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.engine.errors import BuildFailed, EngineError, LayoutMismatch

# By name of the structure: its size, and by name of the field its offset, its size and its kind.
Layouts = dict[str, dict[str, Any]]

# What calls of ours hand over. Others the bindings describe in their own way (a union in place of its members).
CHECKED = (
    "llama_batch",
    "llama_chat_message",
    "llama_context_params",
    "llama_logit_bias",
    "llama_model_params",
    "llama_model_quantize_params",
    "llama_perf_context_data",
    "llama_sampler_chain_params",
    "llama_sampler_seq_config",
    "llama_token_data",
    "llama_token_data_array",
)
_PROGRAM = """
#include <cstddef>
#include <cstdio>
#include <type_traits>
#include "llama.h"

template <class T> const char * kind() {
    return std::is_array<T>::value ? "array"
         : std::is_class<T>::value || std::is_union<T>::value ? "structure"
         : std::is_floating_point<T>::value ? "float"
         : std::is_pointer<T>::value ? "pointer" : "integer";
}

#define FIELD(s, f, end) \\
    printf("\\"%s\\": [%zu, %zu, \\"%s\\"]" end, #f, offsetof(s, f), sizeof(s::f), kind<decltype(s::f)>());

int main() {
    printf("{");
"""


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler and where the headers of llama.cpp are."""

    command: str
    includes: tuple[Path, ...]


def check(engine: Path, compiler: Compiler, scratch: Path) -> None:
    """Raises where libraries, headers and bindings do not belong together."""
    known = bound_in(engine)
    if missing := [name for name in CHECKED if name not in known]:
        raise LayoutMismatch([f"the bindings have no {name}" for name in missing])
    bound = {name: known[name] for name in CHECKED}
    if found := differences(bound, compiled(bound, compiler, scratch)):
        raise LayoutMismatch(found)


def bound_in(engine: Path) -> Layouts:
    """As ctypes lays them out."""
    program = Path(__file__).with_name("bound.py")
    done = subprocess.run([sys.executable, program, engine], capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or [f"ended with {done.returncode}"]
        raise EngineError(f"The bindings cannot be loaded with the libraries in {engine / 'lib'}: {said[0]}")
    found: Layouts = json.loads(done.stdout)
    return found


def compiled(bound: Layouts, compiler: Compiler, scratch: Path) -> Layouts:
    """The same structures and fields as the compiler lays them out."""
    source, program, log = scratch / "layout.cpp", scratch / "layout", scratch / "layout.log"
    source.write_text(_program(bound))
    includes = [f"-I{folder}" for folder in compiler.includes]
    with log.open("w") as out:
        # Not -Wall: offsetof of a structure that C++ would not call plain is what we want here.
        done = subprocess.run(
            [compiler.command, "-std=c++17", "-w", *includes, source, "-o", program],
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
    said = log.read_text()
    if unknown := [line.split("error: ")[1] for line in said.splitlines() if "error: " in line and "no member" in line]:
        raise LayoutMismatch(unknown)
    if done.returncode:
        raise BuildFailed("the check of the structures", log, said[-2000:])
    found: Layouts = json.loads(subprocess.run([program], capture_output=True, text=True, check=True).stdout)
    return found


def _program(bound: Layouts) -> str:
    lines = [_PROGRAM]
    for position, (name, layout) in enumerate(bound.items()):
        separator = ", " if position else ""
        lines.append(f'    printf("{separator}\\"{name}\\": {{\\"size\\": %zu, \\"fields\\": {{", sizeof({name}));')
        fields = list(layout["fields"])
        lines += [f'    FIELD({name}, {field}, "{", " if field != fields[-1] else ""}")' for field in fields]
        lines.append('    printf("}}");')
    lines.append('    printf("}");\n    return 0;\n}')
    return "\n".join(lines)


def differences(bound: Layouts, real: Layouts) -> list[str]:
    """One line for each field, or size of a structure, that the bindings have wrong."""
    found = []
    for name, layout in bound.items():
        if layout["size"] != real[name]["size"]:
            found.append(f"{name} has {real[name]['size']} bytes, in the bindings {layout['size']}")
        for field, place in layout["fields"].items():
            if place != real[name]["fields"][field]:
                found.append(
                    f"{name}.{field} is {_words(real[name]['fields'][field])}, in the bindings {_words(place)}"
                )
    return found


def _words(place: list[Any]) -> str:
    offset, size, kind = place
    return f"{'an' if kind[0] in 'ai' else 'a'} {kind} of {size} at byte {offset}"
