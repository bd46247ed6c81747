"""Eight processes at once on one house: no torn file, no serial twice, and who waits says so."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from housekey.house.files import Files
from housekey.house.house import House
from housekey.house.lock import house_lock
from housekey.pki.encoding import fingerprint
from tests.command import COMMAND, Done, environment, housekey
from tests.faults.sound import strays

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest

PROCESSES = 8
ROUNDS = 3
# What the eight do in each round, at the same time: writers of one label, of others, and readers.
WORK = (
    ("cert", "new", "nas.lan"),
    ("cert", "new", "nas.lan"),
    ("cert", "new", "nas.lan", "nas.local"),
    ("cert", "new", "printer.lan"),
    ("renew", "--all"),
    ("renew", "nas.lan", "--all"),
    ("cert", "list"),
    ("status", "--offline"),
)
READERS = ("list", "status")


def test_eight_processes_at_once_tear_nothing_and_give_no_serial_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house = tmp_path / "house"
    for name in ("nas.lan", "printer.lan"):
        made = housekey("cert", "new", name, "--house", house, "--json", "--yes")
        assert made.code == 0, made
    told: Counter[str] = Counter()
    issued: list[str] = []
    renewed = 0
    for _ in range(ROUNDS):
        for work, done in zip(WORK, at_once(house), strict=True):
            told[outcome_of(work, done)] += 1
            issued += issued_by(work, done)
            renewed += work[0] == "renew" and bool(issued_by(work, done))
    with House.open(house, files=Files(), clock=lambda: datetime.now(UTC)) as opened:
        known = opened.ledger.certificates()
        leaves = opened.leaves()
    assert renewed > 0
    # Every success is recorded, and what is served is what was recorded last.
    assert set(issued) <= {each.sha256 for each in known}
    assert len({each.serial for each in known}) == len(known)
    assert {leaf.label for leaf in leaves} == {"nas.lan", "printer.lan"}
    for leaf in leaves:
        last = next(each for each in known if each.label == leaf.label)
        assert fingerprint(leaf.certificate) == last.sha256
    assert strays(tmp_path) == []
    check = housekey("house", "check", "--house", house, "--json")
    wrong = [each for each in check.json["findings"] if each["weight"] == "wrong"]
    assert not wrong, wrong
    with capsys.disabled():
        print(
            f"\n  {PROCESSES} processes, {ROUNDS} rounds: {dict(told)}, {len(issued)} issued,"
            f" {renewed} renewals among them"
        )


def test_eight_processes_meet_a_ninth_that_does_not_end_and_each_writer_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house = tmp_path / "house"
    for name in ("nas.lan", "printer.lan"):
        assert housekey("cert", "new", name, "--house", house, "--json", "--yes").code == 0
    told: Counter[str] = Counter()
    with house_lock(house, wait=0, files=Files()):
        before = contents(house)
        for work, done in zip(WORK, at_once(house), strict=True):
            told[outcome_of(work, done)] += 1
            assert issued_by(work, done) == []
        assert contents(house) == before
    readers = sum(any(reader in work for reader in READERS) for work in WORK)
    assert told == {"done": readers, "another was at work": PROCESSES - readers}
    with capsys.disabled():
        print(f"\n  {PROCESSES} processes while a ninth holds the house: {dict(told)}")


def test_eight_at_once_give_the_house_a_new_root_and_issuing_ca_and_leave_one_whole_house(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What changes all of a house, while others issue, copy it and look at it."""
    house, code, passphrase = tmp_path / "house", tmp_path / "code", tmp_path / "passphrase"
    made = housekey("cert", "new", "nas.lan", "--house", house, "--json", "--yes")
    assert made.code == 0, made
    for file, secret in ((code, made.json["recovery_code"]), (passphrase, "four words of nobody")):
        file.touch(mode=0o600)
        file.write_text(f"{secret}\n")
    assert housekey("cert", "new", "tv.lan", "--house", house, "--json").code == 0
    with_code = ("--recovery-code-file", str(code), "--yes")
    work = (
        ("house", "rotate", *with_code),
        ("house", "recover", *with_code),
        ("cert", "revoke", "tv.lan"),
        ("cert", "new", "cam.lan"),
        ("house", "backup", str(tmp_path / "backup"), "--passphrase-file", str(passphrase)),
        ("ledger", "rebuild"),
        ("ledger", "export"),
        ("house", "check"),
    )
    told: Counter[str] = Counter()
    for words, done in zip(work, at_once(house, work), strict=True):
        what = " ".join(words[:2])
        document = json.loads(done.out) if "export" not in words else {}
        refused = document.get("error", {}).get("message", "")
        # The second of the two that change the root may find that the first has changed it.
        why = ("another housekey", "the house has two roots", "does not open", "of an earlier root")
        assert done.code in (0, 1) or any(each in refused for each in why), f"{what}: {done}"
        told[f"{what}: {refused or 'done'}"] += 1
        if what == "house check":
            wrong = [each for each in document["findings"] if each["weight"] == "wrong"]
            assert all(each["about"].startswith("leaf ") for each in wrong), wrong
    with House.open(house, files=Files(), clock=lambda: datetime.now(UTC)) as opened:
        known = opened.ledger.certificates()
        assert {fingerprint(each.certificate) for each in opened.leaves()} <= {
            each.sha256 for each in known
        }
    assert len({each.serial for each in known}) == len(known)
    assert strays(tmp_path) == []
    assert housekey("renew", "--house", house, "--json").code == 0
    check = housekey("house", "check", "--house", house, "--json")
    wrong = [each for each in check.json["findings"] if each["weight"] == "wrong"]
    assert not wrong, wrong
    with capsys.disabled():
        print(f"\n  {PROCESSES} processes with a new root among them: {dict(told)}")


def contents(house: Path) -> dict[str, bytes]:
    """The house but for what SQLite keeps beside the ledger while it is read."""
    files = (path for path in sorted(house.rglob("*")) if path.is_file())
    return {str(path): path.read_bytes() for path in files if "ledger.sqlite-" not in path.name}


def at_once(house: Path, works: Sequence[tuple[str, ...]] = WORK) -> list[Done]:
    assert len(works) == PROCESSES
    running = [
        subprocess.Popen(
            [*COMMAND, *work, "--house", str(house), "--json"],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for work in works
    ]
    ended = []
    for process in running:
        out, err = process.communicate(timeout=240)
        ended.append(Done(process.returncode, out, err))
    return ended


def outcome_of(work: tuple[str, ...], done: Done) -> str:
    """What came of it: it is done, or another one was at work, which it says in two lines."""
    document = json.loads(done.out)
    if done.code == 0 or (done.code == 1 and "status" in work):
        return "done"
    assert not any(reader in work for reader in READERS), f"{work}: {done}"  # they wait for nobody
    assert done.code in (1, 3), f"{work}: {done}"
    assert "another housekey" in json.dumps(document), f"{work}: {done}"
    return "another was at work"


def issued_by(work: tuple[str, ...], done: Done) -> list[str]:
    if done.code != 0:
        return []
    document = json.loads(done.out)
    if work[:2] == ("cert", "new"):
        return [document["certificate"]["sha256"]]
    if work[0] != "renew":
        return []
    return [each["sha256"] for each in document["certificates"] if each["became"] == "renewed"]
