"""One module changes the disk. Every other call that could is found here, by reading the source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "src" / "housekey"
THE_ONE = SOURCES / "house" / "files.py"
THE_LEDGER = {  # the second reads, and writes to memory alone
    SOURCES / "house" / "ledger.py",
    SOURCES / "house" / "ledger_copy.py",
}

# fmt: off
OF_OS = {
    "chmod", "chown", "fchmod", "fchown", "lchmod", "lchown", "link", "makedirs", "mkdir",
    "mkfifo", "mknod", "remove", "removedirs", "removexattr", "rename", "renames", "replace",
    "rmdir", "setxattr", "symlink", "truncate", "unlink", "utime",
}
OF_SHUTIL = {
    "chown", "copy", "copy2", "copyfile", "copyfileobj", "copymode", "copystat", "copytree",
    "make_archive", "move", "rmtree", "unpack_archive",
}
OF_A_PATH = {
    "chmod", "hardlink_to", "lchmod", "mkdir", "rmdir", "symlink_to", "touch", "unlink",
    "write_bytes", "write_text",
}
# fmt: on
WRITING_FLAGS = {"O_APPEND", "O_CREAT", "O_RDWR", "O_TRUNC", "O_WRONLY"}


def writes_in(source: str, *, ledger: bool = False) -> list[str]:
    """The lines that create, change or remove files, as `line: source`."""
    return [
        f"{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Import | ast.ImportFrom) and _imports_a_writer(node))
        or (isinstance(node, ast.Call) and _writes(node, ledger=ledger))
    ]


def _imports_a_writer(node: ast.Import | ast.ImportFrom) -> bool:
    """Imports that would hide a call below: `from os import chmod`, and all of tempfile."""
    names = {alias.name for alias in node.names}
    if isinstance(node, ast.Import):
        renamed = {alias.name for alias in node.names if alias.asname}
        return "tempfile" in names or bool(renamed & {"os", "shutil", "sqlite3"})
    hidden = {"os": OF_OS | {"open"}, "shutil": OF_SHUTIL, "sqlite3": {"connect"}}
    return node.module == "tempfile" or bool(names & hidden.get(node.module or "", set()))


def _writes(call: ast.Call, *, ledger: bool) -> bool:
    if isinstance(call.func, ast.Name):
        return call.func.id == "open" and _opens_to_write(call, mode_at=1)
    if not isinstance(call.func, ast.Attribute):
        return False
    method, receiver = call.func.attr, ast.unparse(call.func.value)
    if receiver == "os" and method == "open":
        return any(flag in ast.unparse(call) for flag in WRITING_FLAGS)
    of_modules = {
        "os": OF_OS,
        "shutil": OF_SHUTIL,
        "sqlite3": set() if ledger else {"connect"},
    }
    if receiver in of_modules:
        return method in of_modules[receiver]
    if method == "open":
        return _opens_to_write(call, mode_at=1 if receiver == "io" else 0)
    # Of a path they take one argument, unlike those of str and Files.
    moves = method in ("rename", "replace") and len(call.args) == 1 and not call.keywords
    return moves or method in OF_A_PATH


def _opens_to_write(call: ast.Call, *, mode_at: int) -> bool:
    given = [keyword.value for keyword in call.keywords if keyword.arg == "mode"]
    mode = (given or call.args[mode_at : mode_at + 1] or [ast.Constant("r")])[0]
    if not isinstance(mode, ast.Constant):
        return mode_at == 1  # an open() by a mode that cannot be read here
    text = str(mode.value)
    return set(text) <= set("rwaxbt+U") and bool(set(text) & set("wax+"))


@pytest.mark.parametrize(
    "path", sorted(SOURCES.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCES))
)
def test_a_module_changes_the_disk_only_through_files(path: Path) -> None:
    found = writes_in(path.read_text(), ledger=path in THE_LEDGER)
    if path == THE_ONE:
        assert found
    else:
        assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "open('file', 'w')",
        "open('file', mode='ab')",
        "open('file', 'r+')",
        "open('file', some_mode)",
        "io.open('file', 'x')",
        "path.open('wb')",
        "Path('file').open(mode='a')",
        "Path('file').write_text('x')",
        "path.write_bytes(b'')",
        "path.touch()",
        "path.mkdir(parents=True)",
        "path.unlink(missing_ok=True)",
        "path.rmdir()",
        "path.rename(other)",
        "path.replace(other)",
        "path.chmod(0o600)",
        "path.symlink_to(other)",
        "path.hardlink_to(other)",
        "os.open('file', os.O_WRONLY | os.O_CREAT)",
        "os.open('file', flags=os.O_RDWR)",
        "os.chmod('file', 0o600)",
        "os.chown('file', 0, 0)",
        "os.rename('a', 'b')",
        "os.replace('a', 'b')",
        "os.unlink('a')",
        "os.remove('a')",
        "os.mkdir('a')",
        "os.makedirs('a')",
        "os.rmdir('a')",
        "from os import replace",
        "import os as system",
        "from shutil import move as carry",
        "shutil.copy('a', 'b')",
        "shutil.rmtree('a')",
        "import tempfile",
        "from tempfile import mkstemp",
        "sqlite3.connect('a')",
        "from sqlite3 import connect",
    ],
)
def test_a_planted_write_is_found(source: str) -> None:
    planted = f"import os, shutil, sqlite3\ndef quiet():\n    if True:\n        {source}\n"
    (found,) = writes_in(planted)
    assert found.startswith("4: ")


@pytest.mark.parametrize(
    "source",
    [
        "open('file')",
        "open('file', 'rb')",
        "path.open()",
        "path.read_text()",
        "os.open('file', os.O_RDONLY | os.O_NOFOLLOW)",
        "text.replace('a', 'b')",
        "dataclasses.replace(thing, field=1)",
        "moment.replace(tzinfo=None)",
        "files.rename(old, new)",
        "files.write(path, b'', mode=0o600)",
        "names.remove('a')",
        "shutil.which('openssl')",
        "webbrowser.open('http://homeassistant.local')",
    ],
)
def test_what_writes_nothing_is_left_alone(source: str) -> None:
    assert writes_in(source) == []
