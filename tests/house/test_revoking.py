"""What is meant by a label or a serial number, and that the list can always be made again."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from housekey.errors import FileTrouble, RevokeRefused, UsageError
from housekey.house.files import Files
from housekey.house.house import House, prepare_house
from housekey.house.ledger import SqliteLedger
from housekey.house.lock import house_lock
from housekey.house.revoking import (
    CRL,
    Chosen,
    choose,
    crl_is_due,
    list_to_serve,
    read_crl,
    remake_crl,
    replace,
    revoke,
)
from housekey.pki.crl import Reason
from housekey.pki.encoding import fingerprint
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.names import parse_name
from housekey.pki.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from housekey.house.leaves import Leaf

BIRTH = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class Clock:
    def __init__(self) -> None:
        self.now = BIRTH

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(tmp_path: Path, clock: Clock) -> Iterator[House]:
    subject = Subject(common_name=None, organization="Home")
    new = prepare_house(names=(), subject=subject, clock=clock)
    with new.write(tmp_path / "house", Files()) as made:
        yield made


def issue(house: House, *names: str, label: str | None = None, reuse_key: bool = False) -> Leaf:
    parsed = [parse_name(name) for name in names]
    return house.issue(label or names[0], parsed, reuse_key=reuse_key)


def serial(leaf: Leaf) -> str:
    return f"{leaf.certificate.serial_number:x}"


def chosen(house: House, what: str, clock: Clock, reason: Reason = Reason.UNSPECIFIED) -> Chosen:
    return choose(house, what, reason=reason, now=clock())


def meant(found: Chosen) -> set[str]:
    return {fingerprint(target.certificate) for target in found.targets}


def of(*leaves: Leaf) -> set[str]:
    return {fingerprint(leaf.certificate) for leaf in leaves}


def take_back(house: House, what: str, clock: Clock) -> None:
    found = chosen(house, what, clock)
    revoke(house, found.targets, reason=Reason.UNSPECIFIED, by="ada", at=clock())


def made(house: House, clock: Clock) -> frozenset[int]:
    return remake_crl(house, files=Files(), by="ada", at=clock()).serials


# What is meant


def test_a_label_means_all_that_is_good_of_it_and_a_serial_number_means_one(
    house: House, clock: Clock
) -> None:
    first = issue(house, "nas.lan")
    clock.now += 300 * DAY
    second = issue(house, "nas.lan")
    other = issue(house, "tv.lan")
    assert meant(chosen(house, "NAS.lan", clock)) == of(first, second)
    assert meant(chosen(house, serial(first), clock)) == of(first)
    assert chosen(house, serial(first), clock).to_replace is None
    replaced = chosen(house, serial(second), clock).to_replace
    assert replaced is not None
    assert of(replaced) == of(second)
    clock.now += 100 * DAY  # the first has ended
    assert meant(chosen(house, "nas.lan", clock)) == of(second)
    assert meant(chosen(house, "tv.lan", clock)) == of(other)


def test_a_name_and_the_ways_to_write_a_serial_number_are_understood(
    house: House, clock: Clock
) -> None:
    leaf = issue(house, "nas.lan", "192.168.1.9", "fd00::9", label="_nas")
    issue(house, "tv.lan")
    digits = serial(leaf)
    even = digits.zfill(len(digits) + len(digits) % 2)
    pairs = ":".join(even[at : at + 2] for at in range(0, len(even), 2))
    for what in ("nas", "_nas", "nas.lan", "192.168.1.9", "fd00::9", digits, digits.upper(),
                 f"0x{digits}", pairs, pairs.upper()):  # fmt: skip
        assert meant(chosen(house, what, clock)) == of(leaf), what


def test_a_damaged_leaf_keeps_nobody_from_revoking_another(house: House, clock: Clock) -> None:
    broken, leaf = issue(house, "aa.lan"), issue(house, "nas.lan", "192.168.1.9")
    (broken.folder / "certificate.pem").write_text("damaged")
    for what in ("nas.lan", "192.168.1.9", serial(leaf)):
        assert meant(chosen(house, what, clock)) == of(leaf), what
    with pytest.raises(UsageError) as raised:
        chosen(house, "tv.lan", clock)
    assert "aa.lan, nas.lan" in (raised.value.hint or "")


def test_a_stolen_key_takes_every_certificate_for_it_along(house: House, clock: Clock) -> None:
    first = issue(house, "nas.lan")
    second = issue(house, "nas.lan", reuse_key=True)
    third = issue(house, "nas.lan")
    assert meant(chosen(house, serial(first), clock)) == of(first)
    assert meant(chosen(house, serial(first), clock, Reason.KEY_COMPROMISE)) == of(first, second)
    assert meant(chosen(house, serial(third), clock, Reason.KEY_COMPROMISE)) == of(third)


def test_a_certificate_whose_key_somebody_else_keeps_is_found_by_its_number(
    house: House, clock: Clock
) -> None:
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    certificate, _ = house.sign(key.public_key, [parse_name("cam.lan")])
    found = chosen(house, f"{certificate.serial_number:x}", clock)
    assert meant(found) == {fingerprint(certificate)}
    assert found.to_replace is None
    with pytest.raises(UsageError):
        chosen(house, "cam.lan", clock)


def test_what_is_not_there_is_said_and_what_there_is(house: House, clock: Clock) -> None:
    with pytest.raises(UsageError, match=r"no certificate for nas\.lan"):
        chosen(house, "nas.lan", clock)
    issue(house, "tv.lan")
    for what in ("nas.lan", "beef", "12:34"):
        with pytest.raises(UsageError) as refused:
            chosen(house, what, clock)
        assert "there are: tv.lan" in refused.value.hint


def test_a_name_of_two_certificates_is_a_question(house: House, clock: Clock) -> None:
    issue(house, "a.lan", "both.lan")
    issue(house, "b.lan", "both.lan")
    with pytest.raises(UsageError) as refused:
        chosen(house, "both.lan", clock)
    assert refused.value.hint == "say which: a.lan, b.lan"


def test_the_houses_own_two_cannot_be_revoked_and_the_way_is_told(
    house: House, clock: Clock
) -> None:
    for certificate, word, way in (
        (house.root, "root", "house rotate"),
        (house.issuing, "issuing CA", "house recover"),
    ):
        with pytest.raises(RevokeRefused, match=f"is the house's {word}") as refused:
            chosen(house, f"{certificate.serial_number:x}", clock)
        assert way in refused.value.hint


def test_what_ended_and_what_is_revoked_already_are_two_answers(house: House, clock: Clock) -> None:
    leaf = issue(house, "nas.lan")
    take_back(house, "nas.lan", clock)
    found = chosen(house, "nas.lan", clock)
    assert (found.targets, found.already is not None) == ((), True)
    assert found.to_replace is not None
    replace(house, found.to_replace)
    with pytest.raises(RevokeRefused, match=r"was revoked on 2026-05-04 already"):
        chosen(house, serial(leaf), clock)
    clock.now += 400 * DAY
    with pytest.raises(RevokeRefused, match=r"ended on 2027-06-05"):
        chosen(house, serial(issue_old(house, clock)), clock)


def issue_old(house: House, clock: Clock) -> Leaf:
    now, clock.now = clock.now, BIRTH
    leaf = issue(house, "old.lan")
    clock.now = now
    return leaf


# The replacement


@pytest.mark.parametrize("key_type", [KeyType.ECDSA_P256, KeyType.RSA_2048])
def test_the_replacement_differs_in_key_number_and_dates_alone(
    house: House, clock: Clock, key_type: KeyType
) -> None:
    subject = Subject(common_name="nas.lan", organization="Home", country="DE")
    names = [parse_name("nas.lan"), parse_name("192.168.1.9")]
    leaf = house.issue("nas.lan", names, key_type=key_type, days=90, subject=subject)
    clock.now += DAY
    new = replace(house, leaf)
    before, after = leaf.certificate, new.certificate
    assert before.public_key() != after.public_key()
    assert before.serial_number != after.serial_number
    assert (new.label, new.names, new.key_type) == (leaf.label, leaf.names, key_type)
    assert before.subject == after.subject
    assert after.not_valid_after_utc - after.not_valid_before_utc == 90 * DAY
    assert [each.value for each in before.extensions if each.oid.dotted_string != SKI] == [
        each.value for each in after.extensions if each.oid.dotted_string != SKI
    ]


SKI = "2.5.29.14"


def test_a_self_signed_one_is_replaced_by_another_such(house: House, clock: Clock) -> None:
    leaf = house.issue_self_signed("x.lan", [parse_name("x.lan")])
    new = replace(house, leaf)
    assert new.certificate.issuer == new.certificate.subject
    # And no list of the issuing CA's can name it.
    take_back(house, "x.lan", clock)
    assert made(house, clock) == frozenset()


# The list


def test_the_list_is_made_again_from_the_ledger_alone(
    house: House, clock: Clock, tmp_path: Path
) -> None:
    numbers = {issue(house, name).certificate.serial_number for name in ("a.lan", "b.lan")}
    take_back(house, "a.lan", clock)
    take_back(house, "b.lan", clock)
    assert made(house, clock) == numbers
    (house.folder / CRL).unlink()
    shutil.rmtree(house.folder / "leaves")
    again = remake_crl(house, files=Files(), by="ada", at=clock())
    assert again.serials == numbers


def test_numbers_grow_whatever_the_clock_says_and_however_much_is_lost(
    house: House, clock: Clock
) -> None:
    issue(house, "a.lan")
    take_back(house, "a.lan", clock)
    numbers = []
    for days, lost in ((0, False), (700, True), (0, False), (0, True), (3000, False)):
        clock.now = BIRTH + days * DAY
        if lost:
            (house.folder / CRL).unlink()
        numbers.append(remake_crl(house, files=Files(), by="ada", at=clock()).number)
    assert numbers == sorted(set(numbers))
    assert all(len(number.to_bytes(21, "big").lstrip(b"\0")) <= 20 for number in numbers)


@pytest.mark.parametrize("seconds", [1, 0], ids=["a clock that goes on", "one that stands still"])
def test_a_house_from_an_old_backup_gives_no_number_twice(
    house: House, clock: Clock, seconds: int, tmp_path: Path
) -> None:
    """Nothing here knows of the lists since: not the ledger, not the list that is at hand."""
    issue(house, "a.lan")
    take_back(house, "a.lan", clock)
    made(house, clock)
    shutil.copytree(house.folder, tmp_path / "old")
    numbers = []
    for _ in range(20):
        clock.now += timedelta(seconds=seconds)
        numbers.append(remake_crl(house, files=Files(), by="ada", at=clock()).number)
    with House.open(tmp_path / "old", files=Files(), clock=clock) as restored:
        for _ in range(20):
            clock.now += timedelta(seconds=seconds)
            numbers.append(remake_crl(restored, files=Files(), by="ada", at=clock()).number)
    assert len(set(numbers)) == 40
    if seconds:
        assert numbers == sorted(numbers)


def test_a_list_is_due_when_it_lacks_one_or_a_third_of_its_life_is_left(
    house: House, clock: Clock
) -> None:
    def due() -> bool:
        return crl_is_due(house, read_crl(house, files=Files()), now=clock())

    issue(house, "a.lan")
    assert not due()  # nothing was revoked
    take_back(house, "a.lan", clock)
    assert due()
    made(house, clock)
    assert not due()
    clock.now += 260 * DAY
    assert not due()
    clock.now += 10 * DAY
    assert due()
    made(house, clock)
    assert not due()
    (house.folder / CRL).write_bytes(b"damaged")
    assert due()


def test_what_was_revoked_stays_listed_after_its_end(house: House, clock: Clock) -> None:
    # RFC 5280, section 3.3: not before it was on a list from after its end. We never drop one.
    leaf = issue(house, "a.lan")
    take_back(house, "a.lan", clock)
    clock.now += 800 * DAY
    assert made(house, clock) == {leaf.certificate.serial_number}


def test_what_a_rebuilt_ledger_has_lost_comes_back_from_the_list(
    house: House, clock: Clock, tmp_path: Path
) -> None:
    leaf = issue(house, "a.lan")
    found = chosen(house, "a.lan", clock)
    revoke(house, found.targets, reason=Reason.KEY_COMPROMISE, by="ada", at=clock())
    made(house, clock)
    before = read_crl(house, files=Files()) or pytest.fail("no list")
    house.ledger.close()
    (house.folder / "ledger.sqlite").unlink()
    with SqliteLedger.create(house.folder / "ledger.sqlite", files=Files()) as ledger:
        ledger.record_certificate(leaf.certificate, role="leaf", label="a.lan", at=clock())
    with House.open(house.folder, files=Files(), clock=clock) as again:
        assert again.ledger.revoked() == {}
        assert list_to_serve(again, files=Files(), by="share", at=clock())
        (event,) = again.ledger.revoked().values()
        assert event.data["reason"] == "key-compromise"
        assert event.sha256 == fingerprint(leaf.certificate)
        now = read_crl(again, files=Files()) or pytest.fail("no list")
        assert now.number > before.number


def test_a_list_that_cannot_be_written_leaves_the_one_before(house: House, clock: Clock) -> None:
    class Full(Files):
        def _sync(self, fd: int) -> None:
            raise OSError(28, f"no room for {fd}")

    issue(house, "a.lan")
    take_back(house, "a.lan", clock)
    made(house, clock)
    before = (house.folder / CRL).read_bytes()
    with pytest.raises(FileTrouble):
        remake_crl(house, files=Full(), by="ada", at=clock())
    assert (house.folder / CRL).read_bytes() == before
    promised = house.ledger.events(1, kind="crl-made")[0].data["number"]
    assert isinstance(promised, int)
    assert remake_crl(house, files=Files(), by="ada", at=clock()).number > promised


def test_the_page_gets_a_list_that_is_up_to_date_or_else_the_one_before(
    house: House, clock: Clock
) -> None:
    def served() -> bytes | None:
        return list_to_serve(house, files=Files(), by="share", at=clock())

    leaf = issue(house, "a.lan")
    assert served() is None
    take_back(house, "a.lan", clock)
    first = served()
    assert first == (house.folder / CRL).read_bytes()
    assert served() == first
    take_back(house, serial(issue(house, "b.lan")), clock)
    with house_lock(house.folder, wait=0, files=Files()):
        assert served() == first  # another housekey is at work
    second = served()
    assert second not in (None, first)
    present = read_crl(house, files=Files())
    assert present is not None
    assert leaf.certificate.serial_number in present.serials
    assert (house.folder / CRL).stat().st_mode & 0o777 == 0o600
