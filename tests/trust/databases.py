"""Databases of browsers, as the tests make and read them: by the real certutil."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes, serialization

from housekey.trust.nss_database import Database
from tests.pki.houses import NOW, a_house
from tests.trust.real_machine import machine, run

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


NOBODY = 65534
ROOT = a_house().root.certificate
# The same subject, and another key: as another house of this name, or this one created anew.
OTHER_HOUSE = a_house(born=NOW - timedelta(hours=1)).root.certificate


def certutil(folder: Path, *arguments: str, stdin: bytes = b"") -> str:
    """Run certutil as the user who made the database would; return what it prints."""
    action, *rest = arguments
    ran = run(["certutil", action, "-d", f"sql:{folder}", *rest], stdin=stdin)
    assert ran.code == 0, ran.err
    return ran.out


def made(folder: Path, *arguments: str) -> Path:
    """Make a database in `folder`, as a browser does."""
    folder.mkdir(parents=True)
    certutil(folder, "-N", *(arguments or ("--empty-password",)))
    return folder


def put(folder: Path, root: Certificate, nickname: str, flags: str = "C,,") -> None:
    pem = root.public_bytes(serialization.Encoding.PEM)
    certutil(folder, "-A", "-n", nickname, "-t", flags, stdin=pem)


def trusted_in(folder: Path, root: Certificate) -> bool:
    found = Database(machine(folder), folder, user=None).find(root)
    return found is not None and found.trusted


def fingerprints(folder: Path) -> str:
    """All that is in a database whose certificates share one subject, which certutil lists so."""
    below_the_heading = certutil(folder, "-L").splitlines()[4]
    return certutil(folder, "-L", "-n", below_the_heading[:60].strip())


def digest(root: Certificate) -> str:
    return root.fingerprint(hashes.SHA256()).hex(":").upper()


def profile(root: Path, name: str, *, database: bool = True) -> Path:
    """Add a Firefox profile to the `profiles.ini` in `root`."""
    root.mkdir(parents=True, exist_ok=True)
    ini = root / "profiles.ini"
    text = ini.read_text() if ini.exists() else "[General]\nVersion=2\n"
    relative = not Path(name).is_absolute()
    ini.write_text(
        f"{text}\n[Profile{text.count('[Profile')}]\nName={Path(name).name}\n"
        f"IsRelative={int(relative)}\nPath={name}\n"
    )
    folder = root / name
    if database:
        made(folder)
    else:
        folder.mkdir(parents=True)
    return folder


def without(*missing: str) -> Which:
    return Which(missing)


class Which:
    """`shutil.which`, on a machine that lacks some programs."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        self._missing = missing

    def __call__(self, program: str) -> str | None:
        return None if program in self._missing else shutil.which(program)
