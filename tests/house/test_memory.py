"""What looks at a whole ledger holds it in memory few times at once: a Raspberry Pi has little.

A ledger goes into memory where it is looked at, because looking changes nothing on the disk, and
where it is sealed, because no clear copy of a house is ever written. How often at once is what is
counted here, by the most that a process of its own ever had, against what it had before.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from housekey.house.files import Files
from housekey.house.house import prepare_house
from housekey.pki.encoding import fingerprint
from housekey.pki.issuing import Issuer, issue_leaf
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.names import parse_name
from housekey.pki.subject import Subject
from tests.command import environment

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
CERTIFICATES, EVENTS = 4000, 40
# What of it is at once in memory, at most; docs/recovery.md tells what that is in MiB.
MOST = {"back_up": 2.5, "open_and_restore": 3.4, "check": 2.5, "rebuild": 2.5}
_PROGRAM = """
import sys
from datetime import datetime, timedelta, UTC
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

from housekey.house.backup import back_up, open_backup
from housekey.house.examining import examined
from housekey.house.files import Files
from housekey.house.house import House
from housekey.house.rebuilding import rebuild
from housekey.house.restoring import restore
from housekey.house.sealing import OpenedBy
from housekey.house.seen import seen_on_disk
from housekey.pki.secret import Secret

what, folder, backup = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
files, at = Files(), datetime(2026, 11, 29, 13, tzinfo=UTC)
secret = Secret(b"a passphrase of nobody")


def back_it_up():
    with House.open(folder, files=files, clock=lambda: at) as house:
        back_up(house, backup, secret, opened_by=OpenedBy.PASSPHRASE, at=at, cost=2**10)


def open_and_restore():
    opened = open_backup(backup, lambda how: secret, files=files)
    new = folder.with_name("again")
    restore(opened, new, source=backup, replace=False, files=files, clock=lambda: at)


def check():
    examined(seen_on_disk(folder, files=files), folder=folder, now=at)


def rebuild_it():
    assert not rebuild(folder, files=files, at=at, by="test").problems


House.open(folder, files=files, clock=lambda: at).close()
before = getrusage(RUSAGE_SELF).ru_maxrss
{"back_up": back_it_up, "check": check, "rebuild": rebuild_it}.get(what, open_and_restore)()
print(getrusage(RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A house with a ledger of some 25 MiB."""
    folder = tmp_path_factory.mktemp("memory") / "house"
    new = prepare_house(names=(), subject=Subject("Test root"), clock=lambda: NOW)
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    with new.write(folder, Files()) as made:
        signing = PrivateKey.from_pem((folder / "issuing.key").read_bytes())
        issuer = Issuer(made.issuing, signing)
        with made.ledger.together():
            for number in range(CERTIFICATES):
                leaf = issue_leaf(
                    public_key=key.public_key,
                    names=[parse_name(f"host{number}.lan")],
                    issuer=issuer,
                    now=NOW + timedelta(seconds=1),
                )
                made.ledger.record_certificate(leaf, role="leaf", label="host", at=NOW)
                made.ledger.record_event("issued", at=NOW, by="test", sha256=fingerprint(leaf))
            for _ in range(EVENTS):
                made.ledger.record_event("test", at=NOW, by="test", data={"x": "x" * 500_000})
    return folder


def test_a_large_ledger_is_in_memory_few_times_at_once(
    house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size = (house / "ledger.sqlite").stat().st_size
    found = {}
    for what in MOST:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, what, house, house.with_name("backup")],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found[what] = int(done.stdout) * 1024 / size  # in KiB, on Linux
    with capsys.disabled():
        times = ", ".join(f"{what} {each:.1f}" for what, each in found.items())
        print(  # noqa: T201 - what this test is asked for
            f"\n  a ledger of {size >> 20} MiB is in memory so many times at once: {times}"
        )
    assert all(found[what] < most for what, most in MOST.items()), found
