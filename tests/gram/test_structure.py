"""The shape of the library: few entries at its top, no import cycles, a test file for each module."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GRAM = ROOT / "gram"
MOST_ENTRIES = 18
ENTRIES_NOT_COUNTED = {"__pycache__", "py.typed"}


def modules(package: Path) -> dict[str, Path]:
    """Return the modules of a package by dotted name; a package's own name stands for its `__init__.py`."""
    found = {}
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports(file: Path, name: str, known: dict[str, Path]) -> set[str]:
    """Return the modules that a file imports anywhere: at its top, in functions and under TYPE_CHECKING."""
    base = name if file.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parent = node.module or ""
            if node.level:
                above = base.split(".")[: len(base.split(".")) - node.level + 1]
                parent = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:  # a submodule, or something that the module holds
                inner = f"{parent}.{alias.name}"
                found.add(inner if inner in known else parent)
    return (found & known.keys()) - {name}


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected components of more than one module (Tarjan, 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for other in graph[name]:
            if other not in order:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], order[other])
        if low[name] == order[name]:
            place = stack.index(name)
            if len(stack) - place > 1:
                found.append(sorted(stack[place:]))
            del stack[place:]

    for name in graph:
        if name not in order:
            visit(name)
    return found


def graph_of(package: Path) -> dict[str, set[str]]:
    known = modules(package)
    return {name: imports(file, name, known) for name, file in known.items()}


def write_package(folder: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder / "p"


@pytest.mark.parametrize(
    "second",
    [
        "from p.a import x",
        "def f():\n    import p.a",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import a",
        "def f():\n    def g():\n        from .a import x",
    ],
)
def test_a_cycle_is_found_wherever_its_imports_are(tmp_path, second):
    files = {"p/__init__.py": "", "p/a.py": "from p import c", "p/b.py": second, "p/c.py": "import p.b"}
    assert cycles(graph_of(write_package(tmp_path, files))) == [["p.a", "p.b", "p.c"]]
    files["p/c.py"] = "import os"
    assert cycles(graph_of(write_package(tmp_path, files))) == []


def test_a_package_that_its_own_modules_import_is_a_cycle(tmp_path):
    files = {
        "p/__init__.py": "from p.q import x",
        "p/q/__init__.py": "from .a import x",
        "p/q/a.py": "from p.q import y",
    }
    assert cycles(graph_of(write_package(tmp_path, files))) == [["p.q", "p.q.a"]]


def test_no_modules_of_the_library_import_each_other_in_a_cycle():
    assert cycles(graph_of(GRAM)) == []


def test_few_things_lie_at_the_top_of_the_library():
    entries = sorted(path.name for path in GRAM.iterdir() if path.name not in ENTRIES_NOT_COUNTED)
    assert len(entries) <= MOST_ENTRIES, entries


def untested() -> Iterator[str]:
    """Yield the modules that have no test file of the same path; packages and `__main__` need none of their own."""
    for name, file in modules(GRAM).items():
        if file.name in ("__init__.py", "__main__.py"):
            continue
        *folders, module = name.split(".")
        if not (ROOT / "tests").joinpath(*folders, f"test_{module.lstrip('_')}.py").is_file():
            yield name


def test_each_module_has_a_test_file_of_the_same_path():
    assert sorted(untested()) == []


SEARCH = """
import sys, numpy as np, pandas as pd, gram
rng = np.random.default_rng(0)
vectors = {name: rng.normal(size=(20, 4)).astype("f") for name in ("text", "image", "speech")}
embedding_set = gram.EmbeddingSet(vectors, pd.DataFrame({"id": range(20)}))
gram.Index(embedding_set, candidates=["image", "speech"]).search(embedding_set.modalities["text"], k=3)
gram.evaluate(embedding_set)
print(*(name for name in sys.modules if name.startswith("gram.datasets")))
"""


def test_searching_a_set_imports_no_built_in_data():
    done = subprocess.run([sys.executable, "-c", SEARCH], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []
