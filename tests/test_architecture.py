"""The shape of the house: what may import what, how large a part may be, and the names that hide too much."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted([*ROOT.glob("bridge/**/*.py"), *ROOT.glob("adapters/**/*.py")])
LONGEST_MODULE = 400  # lines
LONGEST_FUNCTION = 60  # lines
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
# What the rule room may use of the standard library: nothing that reads a clock, a file, a socket or a random source.
PURE_STDLIB = {
    "__future__", "bisect", "collections", "contextlib", "copy", "dataclasses", "datetime", "enum", "fractions", "functools",
    "hashlib", "heapq", "itertools", "json", "math", "operator", "re", "statistics", "string", "types", "typing",
}  # fmt: skip
THIRD_PARTY_IN_FORMATS = {"msgspec", "pydantic", "pydantic_core", "re2", "yaml"}

CLOCKS = {f"datetime.{name}" for name in ("now", "utcnow", "today")} | {
    f"time.{name}" for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter")
}

each_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
in_domain = [path for path in MODULES if "bridge/domain" in path.as_posix()]
in_formats = [path for path in MODULES if "bridge/formats" in path.as_posix()]


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""


@pytest.mark.parametrize("path", in_domain, ids=lambda path: path.name)
def test_the_domain_imports_itself_and_a_few_pure_modules(path: Path) -> None:
    foreign = {
        name
        for name in imports_of(path)
        if name.split(".")[0] not in PURE_STDLIB and not name.startswith("bridge.domain")
    }
    assert foreign == set()


@pytest.mark.parametrize("path", in_formats, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_formats_import_only_what_turns_bytes_into_values(path: Path) -> None:
    third_party = {name.split(".")[0] for name in imports_of(path)} - sys.stdlib_module_names - {"bridge"}
    assert third_party <= THIRD_PARTY_IN_FORMATS


@each_module
def test_adapters_are_known_to_the_composition_room_only(path: Path) -> None:
    if "adapters" in path.relative_to(ROOT).parts or path.name == "compose.py":
        return
    assert not [name for name in imports_of(path) if name.split(".")[0] == "adapters"]


@each_module
def test_only_the_clock_reads_clocks(path: Path) -> None:
    if path == ROOT / "bridge" / "clock.py":
        return
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    assert {ast.unparse(call.func) for call in calls} & CLOCKS == set()


@each_module
def test_a_module_has_a_promise_and_a_length_that_can_be_read(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_MODULE
    assert not text.strip() or ast.get_docstring(ast.parse(text))


@each_module
def test_a_function_fits_on_a_screen(path: Path) -> None:
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


@each_module
def test_no_module_has_a_name_that_could_hold_anything(path: Path) -> None:
    names = {part for folder in path.relative_to(ROOT).with_suffix("").parts for part in folder.split("_")}
    assert names & BANNED_NAMES == set()
