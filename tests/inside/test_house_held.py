"""What the integration does to the house while another housekey gives it a new root."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

import tests.without_home_assistant  # noqa: F401 - first
from custom_components.housekey.house_access import HouseAccess
from housekey.errors import HouseMissing
from housekey.house.files import Files
from housekey.house.generations import Why
from housekey.house.house import House
from housekey.house.lock import house_lock
from housekey.house.rotating import prepare_new_root
from housekey.pki.encoding import certificates_from_pem
from housekey.pki.keys import KeyType
from housekey.pki.names import parse_name

if TYPE_CHECKING:
    from pathlib import Path


class Waiting(Files):
    """Says when somebody is about to wait for the lock of the house."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = threading.Event()

    def open_lock(self, path: Path) -> int:
        fd = super().open_lock(path)
        self.waits.set()
        return fd


def test_what_waited_for_a_rotation_issues_under_the_new_root(tmp_path: Path) -> None:
    names = [parse_name("nas.lan")]
    files = Waiting()
    access = HouseAccess(tmp_path, files)
    access.create(access.prepare(names, home="Home"))
    with (
        ThreadPoolExecutor() as pool,
        House.open(access.folder, files=Files(), clock=lambda: datetime.now(UTC)) as house,
        house_lock(access.folder, wait=0, files=Files()),
    ):
        issued = pool.submit(access.issue_for_another, names, KeyType.ECDSA_P256, 90)
        assert files.waits.wait(60)
        new = prepare_new_root(house, Why.LEAKED)
        new.write(house)
    _, issuing = certificates_from_pem(issued.result(60).chain_pem.encode())
    assert issuing == new.issuing


def test_without_a_house_no_lock_is_left_where_one_would_be(tmp_path: Path) -> None:
    access = HouseAccess(tmp_path)
    with pytest.raises(HouseMissing), access.held():
        pass
    assert list(tmp_path.iterdir()) == []
