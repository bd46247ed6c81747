"""The integration starts no process, nor does what it reaches of the library.

Read from the syntax trees: whatever a module imports, at its top or in a function, is followed.
What a run really does is watched in `tests/inprocess/test_touches_nothing_else.py`.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

_CHECKOUT = Path(__file__).parents[2]
_INTEGRATION = _CHECKOUT / "custom_components" / "housekey"
_LIBRARY = _CHECKOUT / "src"

_STARTERS = {"subprocess", "multiprocessing", "pty", "pexpect", "_posixsubprocess"}
_CALLS = ("system", "popen", "fork", "forkpty", "exec", "spawn", "posix_spawn", "startfile")


def starts(tree: ast.AST) -> list[str]:
    """Return what in a module would start a process, with its line."""
    found = []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [each.name.split(".")[0] for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module.split(".")[0]]
            if node.module == "concurrent.futures":
                names += ["multiprocessing" for n in node.names if "Process" in n.name]
            if node.module == "os":
                names += [f"os.{each.name}" for each in node.names if is_call(each.name)]
        elif isinstance(node, ast.Attribute):
            of_os = isinstance(node.value, ast.Name) and node.value.id == "os"
            of_asyncio = ("create_subprocess", "subprocess_", "ProcessPool")
            if (of_os and is_call(node.attr)) or node.attr.startswith(of_asyncio):
                names = [f"os.{node.attr}"]
        found += [
            f"{node.lineno}: {name}"  # type: ignore[attr-defined]
            for name in names
            if name in _STARTERS or name.startswith("os.")
            if name != "os.path"
        ]
    return found


def is_call(name: str) -> bool:
    """Whether this function of `os` starts a process."""
    return name in _CALLS or name.startswith(("exec", "spawn", "posix_spawn"))


def imported(tree: ast.AST) -> set[Path]:
    """Return the modules of the library that a module imports, wherever in it; not for types."""
    skipped = {
        id(below)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for each in node.body
        for below in ast.walk(each)
    }
    names = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0 or "housekey" not in node.module
            names |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    found = set()
    for name in names:
        parts = name.split(".")
        if parts[0] != "housekey":
            continue
        for end in range(1, len(parts) + 1):
            place = _LIBRARY.joinpath(*parts[:end])
            found |= {p for p in (place.with_suffix(".py"), place / "__init__.py") if p.exists()}
    return found


def reached() -> dict[Path, ast.AST]:
    """Return all modules of the integration, and of the library what they reach."""
    trees: dict[Path, ast.AST] = {}
    waiting = set(_INTEGRATION.rglob("*.py"))
    while waiting:
        path = waiting.pop()
        trees[path] = ast.parse(path.read_text(), str(path))
        waiting |= imported(trees[path]) - trees.keys()
    return trees


def test_no_module_of_the_integration_or_below_it_starts_a_process() -> None:
    trees = reached()
    names = {str(path.relative_to(_CHECKOUT)) for path in trees}
    # The walk has come where it must.
    assert {"src/housekey/house/files.py", "src/housekey/onboarding/offer.py"} <= names
    assert not any(name.startswith("src/housekey/cli/") for name in names)
    hits = {
        str(path.relative_to(_CHECKOUT)): found
        for path, tree in trees.items()
        if (found := starts(tree))
    }
    assert hits == {}


@pytest.mark.parametrize(
    "line",
    [
        "import subprocess",
        "from subprocess import run",
        "import os; os.system('x')",
        "import os; os.execv('x', [])",
        "from os import posix_spawn",
        "asyncio.create_subprocess_exec('x')",
        "loop.subprocess_exec(x)",
        "from multiprocessing import Process",
        "from concurrent.futures import ProcessPoolExecutor",
    ],
)
def test_every_way_to_start_one_is_seen(line: str) -> None:
    assert starts(ast.parse(f"def f():\n    {line}")) != []


def test_the_command_lines_own_ways_are_seen_where_they_are() -> None:
    for name in ("onboarding/children.py", "trust/machine.py", "cli/home.py"):
        assert starts(ast.parse((_LIBRARY / "housekey" / name).read_text())) != [], name
