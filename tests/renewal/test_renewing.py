"""What a round over many certificates asks of a ledger that forgets nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from housekey.house.exported import record_copy
from housekey.house.files import Files
from housekey.house.house import House, prepare_house
from housekey.house.records import REVOKED
from housekey.pki.encoding import fingerprint
from housekey.pki.names import parse_name
from housekey.pki.subject import Subject
from housekey.renewal.renewing import renew

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Asked:
    """A ledger that counts how often all of something is read from it."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger
        self.readings = 0

    def revoked(self) -> Any:
        self.readings += 1
        return self._ledger.revoked()

    def events(self, limit: int = 100, **of: Any) -> Any:
        self.readings += limit < 0
        return self._ledger.events(limit, **of)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


@pytest.mark.parametrize("labels", [2, 9])
def test_the_ledger_is_read_as_often_for_many_labels_as_for_few(
    labels: int, tmp_path: Path
) -> None:
    clock = lambda: NOW  # noqa: E731
    with prepare_house(names=(), subject=Subject("root"), clock=clock).write(
        tmp_path / "house", Files()
    ) as house:
        _fill(house, labels, tmp_path)
        asked = Asked(house.ledger)
        house.ledger = asked
        later = NOW + timedelta(days=300)
        house.clock = lambda: later
        renewed = renew(house, None, everything=False, now=later)
        assert [each.label for each in renewed] == [f"n{number}.lan" for number in range(1, labels)]
        assert all(len(each.copies.done) == 1 for each in renewed)
        assert asked.readings == 2, "once what was revoked, once where copies lie"


def _fill(house: House, labels: int, folder: Path) -> None:
    """Issue for `labels`, each with a copy; the first is given up."""
    for number in range(labels):
        name = f"n{number}.lan"
        leaf = house.issue(name, [parse_name(name)])
        copy = folder / name
        copy.mkdir()
        (copy / "certificate.pem").write_bytes(leaf.chain_pem)
        (copy / "privkey.pem").write_bytes(leaf.key_pem.reveal())
        record_copy(house, leaf, copy, now=NOW)
        if number == 0:
            house.ledger.record_event(
                REVOKED,
                at=NOW,
                by="somebody",
                sha256=fingerprint(leaf.certificate),
                data={"label": name, "replacement": False},
            )
