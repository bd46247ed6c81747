"""Where Javas are, and which file each of them takes its trust from.

What is there is asked of the disk, and nothing is run.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housekey.trust.store import Machine

# Folders whose every subfolder may be a Java.
_LINUX = (
    "/usr/lib/jvm",  # Debian, Fedora, Arch
    "/usr/lib64/jvm",  # SUSE
    "/usr/java",  # Oracle's packages
    "/opt/java",
)
_MACOS = "/Library/Java/JavaVirtualMachines"  # what libexec/java_home looks through
_WINDOWS = ("Java", "Eclipse Adoptium", "Microsoft", "Amazon Corretto", "Zulu", "BellSoft")
_OF_A_USER = (".sdkman/candidates/java", ".jdks")  # SDKMAN, IntelliJ

# The first that exists is the one that counts: JSSE Reference Guide, "Trust Manager Factory".
# Below jre/ in a JDK up to 8, and since then directly.
_STORES = tuple(
    f"{above}lib/security/{name}" for above in ("", "jre/") for name in ("jssecacerts", "cacerts")
)


@dataclass(frozen=True, slots=True)
class Java:
    """One Java: where it lies, and the programs that come with it."""

    home: Path
    java: Path
    keytool: Path | None
    store: Path  # its trust store, links followed


def javas(machine: Machine) -> tuple[Java, ...]:
    """Return every Java of this machine, each once."""
    found: dict[Path, Java] = {}
    for home in _homes(machine):
        real = Path(os.path.realpath(home))
        # The JRE inside a JDK 8 is found by its own folder as well: the JDK's counts.
        if real.name == "jre" and _is_file(real.parent / "bin" / _program(machine, "keytool")):
            real = real.parent
        if real not in found and (java := _java_in(machine, real)) is not None:
            found[real] = java
    return tuple(found.values())


def _homes(machine: Machine) -> Iterator[Path]:
    if named := machine.environ.get("JAVA_HOME"):
        yield Path(named)
    if program := machine.which("java"):
        yield Path(os.path.realpath(program)).parent.parent
    if machine.system == "Linux":
        yield from _below(*map(machine.at, _LINUX))
    if machine.system == "Darwin":
        for folder in _below(machine.at(_MACOS), machine.home / _MACOS.lstrip("/")):
            yield folder / "Contents/Home"
    if machine.system == "Windows":
        for variable in ("ProgramFiles", "ProgramFiles(x86)"):
            if program_files := machine.environ.get(variable):
                yield from _below(*(Path(program_files, maker) for maker in _WINDOWS))
    yield from _below(*(machine.home / folder for folder in _OF_A_USER))


def _below(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        try:
            yield from sorted(folder.iterdir())
        except OSError:  # not there, or not ours to look into
            continue


def _java_in(machine: Machine, home: Path) -> Java | None:
    """Return the Java whose home this is, or None."""
    store = next((home / name for name in _STORES if _is_file(home / name)), None)
    java = _program_in(machine, home, "java")
    if store is None or java is None:
        return None
    keytool = _program_in(machine, home, "keytool")
    return Java(home, java, keytool, Path(os.path.realpath(store)))


def _program_in(machine: Machine, home: Path, name: str) -> Path | None:
    program = _program(machine, name)
    return next(
        (path for path in (home / "bin" / program, home / "jre/bin" / program) if _is_file(path)),
        None,
    )


def _program(machine: Machine, name: str) -> str:
    return f"{name}.exe" if machine.system == "Windows" else name


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
