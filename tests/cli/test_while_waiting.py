"""A command that had to wait for the house works in the house as it is then."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from housekey.cli.main import main
from housekey.cli.output import now
from housekey.house import lock
from housekey.house.files import Files
from housekey.house.generations import Why
from housekey.house.house import House, prepare_house
from housekey.house.rotating import prepare_new_root
from housekey.pki.encoding import fingerprint
from housekey.pki.names import parse_name
from housekey.pki.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.mark.parametrize(
    "words", [["cert", "new", "tv.lan"], ["cert", "revoke", "nas.lan"], ["house", "backup"]]
)
def test_who_waited_while_the_house_was_rotated_works_under_the_new_root(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, files = tmp_path / "house", Files()
    with prepare_house(names=(), subject=Subject("root"), clock=now).write(folder, files) as house:
        house.issue("nas.lan", [parse_name("nas.lan")])
    locked = lock.house_lock

    @contextlib.contextmanager
    def rotated_meanwhile(at: Path, **options: Any) -> Iterator[None]:
        with locked(at, **options), House.open(at, files=files, clock=now) as opened:
            prepare_new_root(opened, Why.LEAKED).write(opened)
        with locked(at, **options):
            yield

    monkeypatch.setattr(lock, "house_lock", rotated_meanwhile)
    if words[0] == "house":
        (tmp_path / "passphrase").write_text("four words of a test\n")
        words = [
            *words,
            str(tmp_path / "backup"),
            "--passphrase-file",
            str(tmp_path / "passphrase"),
        ]
    done = CliRunner().invoke(main, [*words, "--house", str(folder), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)
    with House.open(folder, files=files, clock=now) as house:
        if words[0] == "house":
            (noted,) = house.ledger.events(kind="backed-up")
            assert noted.data["root"] == fingerprint(house.root)
            assert noted.data["certificates"] == len(house.ledger.certificates())
        else:
            leaf = house.leaf(words[2])
            assert leaf is not None
            assert house.is_current(leaf)
