"""A house whose root was rotated, and what tests of that share."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from housekey.house.files import STRAY_SUFFIX, Files
from housekey.house.generations import Kind
from housekey.house.house import House, prepare_house
from housekey.house.root_key import open_root_key
from housekey.house.rotating import NewRoot, prepare_new_root
from housekey.pki.encoding import fingerprint
from housekey.pki.keys import KeyType
from housekey.pki.names import parse_name
from housekey.pki.subject import Subject
from housekey.pki.verifying import verify

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cryptography.x509 import Certificate

    from housekey.house.recovery import RecoveryCode

BIRTH = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
LATER = BIRTH + timedelta(days=400)
A_DAY = timedelta(days=1)
HOME = Subject(common_name=None, organization="Our Home", country="DE")
HA = (parse_name("ha.lan"), parse_name("192.168.1.20"))


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def born(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RecoveryCode]:
    """A house with two leaves, and its recovery code."""
    folder = tmp_path_factory.mktemp("born") / "house"
    new = prepare_house(names=HA, subject=HOME, clock=lambda: BIRTH)
    with new.write(folder, Files()) as house:
        house.issue("ha.lan", HA)
        house.issue("nas.lan", (parse_name("nas.lan"),), key_type=KeyType.RSA_2048)
    return folder, new.recovery_code


@pytest.fixture
def folder(born: tuple[Path, RecoveryCode], tmp_path: Path) -> Path:
    shutil.copytree(born[0], tmp_path / "house")
    return tmp_path / "house"


@pytest.fixture
def code(born: tuple[Path, RecoveryCode]) -> RecoveryCode:
    return born[1]


def opened(folder: Path, files: Files | None = None, *, at: datetime = LATER) -> House:
    return House.open(folder, files=files or Files(), clock=lambda: at)


def prepared(folder: Path, code: RecoveryCode, *permit: str) -> NewRoot:
    with opened(folder) as house:
        key = open_root_key(house, code)
        permitted = [parse_name(name) for name in permit]
        return prepare_new_root(house, Kind.CROSSED, old_key=key, permit=permitted)


def rotated(folder: Path, code: RecoveryCode, *permit: str) -> NewRoot:
    new = prepared(folder, code, *permit)
    with opened(folder) as house:
        new.write(house)
    return new


def waiting(folder: Path) -> NewRoot:
    with opened(folder) as house:
        new = prepare_new_root(house, Kind.WAITING)
        new.write(house)
    return new


def accepted(
    chain: Iterable[Certificate], root: Certificate, *names: str, at: datetime = LATER
) -> bool:
    answers = verify(tuple(chain), roots=[root], names=[parse_name(name) for name in names], at=at)
    return all(answer.reason is None for answer in answers)


def keys_in(folder: Path) -> tuple[str, ...]:
    """The house's own keys, strays left out: the next write into their folder removes those."""
    names = (str(path.relative_to(folder)) for path in folder.rglob("*.key*"))
    return tuple(sorted(n for n in names if STRAY_SUFFIX not in n and "leaves" not in n))


def files_of(folder: Path) -> dict[str, bytes]:
    """The files of the house itself, but for the ledger, which only grows."""
    found = (path for path in folder.iterdir() if path.is_file())
    return {path.name: path.read_bytes() for path in found if "sqlite" not in path.name}


def state_of(folder: Path) -> tuple[object, ...]:
    """All that a house says of its roots."""
    with opened(folder) as house:
        overlap = house.overlap
        return (
            fingerprint(house.root),
            fingerprint(house.issuing),
            overlap and (overlap.kind, overlap.since),
            tuple((fingerprint(each.root), each.why) for each in house.former),
            keys_in(folder),
        )
