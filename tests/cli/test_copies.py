"""Copies of `cert new --out` that a renewal missed: on a disk that was away, made up later."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from housekey.house import revoking
from housekey.house.exported import copies_of, record_copy
from housekey.house.files import Files
from housekey.house.house import House
from housekey.pki.crl import Reason
from housekey.pki.encoding import certificate_from_pem, fingerprint, matches
from housekey.pki.keys import PrivateKey
from housekey.pki.names import parse_name
from housekey.renewal.round import Asked, Became, Item, go_round
from tests.cli.test_house import make_house
from tests.cli.test_renew import folder_of

if TYPE_CHECKING:
    from tests.cli.conftest import Person

PAIR = ("certificate.pem", "privkey.pem")


@pytest.fixture
def out(person: Person) -> Path:
    """A folder with a copy of the pair for nas.lan, as `cert new --out` puts it there."""
    make_house(person.house)
    folder = person.folder / "stick" / "nginx"
    folder.mkdir(parents=True)
    with opened(person) as house:
        leaf = house.issue("nas.lan", [parse_name("nas.lan")])
        for name in PAIR:
            shutil.copy(leaf.folder / name, folder / name)
        record_copy(house, leaf, folder, now=house.clock())
    return folder


def opened(person: Person) -> House:
    return House.open(person.house, files=Files(), clock=lambda: datetime.now(UTC))


def go(person: Person, *, everything: bool = False, later: timedelta = timedelta()) -> Item:
    """Go a round, as `housekey renew` does; return what became of nas.lan."""
    asked = Asked(cast("Any", None), labels=("nas.lan",), everything=everything)
    world = SimpleNamespace(files=Files(), clock=lambda: datetime.now(UTC) + later)
    (item,) = asyncio.run(go_round(person.house, None, asked, cast("Any", world)))
    return item


def is_in_the_house(person: Person, out: Path) -> bool:
    """Whether `out` holds the pair that the house has now."""
    leaf = folder_of(person, "nas.lan")
    return all((out / name).read_bytes() == (leaf / name).read_bytes() for name in PAIR)


def missed(person: Person, out: Path, *, times: int = 1) -> None:
    """Take the disk away while nas.lan is renewed."""
    away = pull_out(out)
    for _ in range(times):
        item = go(person, everything=True)
        assert (item.became, item.trouble) == (Became.RENEWED, None)
        assert (item.copies.done, item.copies.away) == ((), (out,))
    shutil.move(away, out.parent)


def pull_out(out: Path) -> Path:
    """Take the disk with the copy away; return where it is meanwhile."""
    return Path(shutil.move(out.parent, out.parent.with_name("in-a-drawer")))


def test_a_copy_that_was_away_gets_the_renewals_that_it_missed(person: Person, out: Path) -> None:
    missed(person, out, times=2)  # what lies there then is not the pair from before
    away = pull_out(out)
    done = person.run("renew")
    assert done.code == 0
    assert f"away nas.lan: its copy in {out} is not there" in " ".join(done.out.split())
    assert not out.parent.exists(), "nothing is put where the disk would be"

    shutil.move(away, out.parent)
    before = (out / "certificate.pem").read_bytes()
    done = person.run("renew", "--dry-run")
    assert f"would renew the copy in {out}" in " ".join(done.out.split())
    assert (out / "certificate.pem").read_bytes() == before

    done = person.run("renew")
    said = " ".join(done.out.split())
    assert (done.code, done.err) == (0, "")
    assert f"copied nas.lan: to {out}, which had missed a renewal" in said
    assert f"next what uses it has to load it anew: {out}" in said
    assert is_in_the_house(person, out)
    assert (out / "privkey.pem").stat().st_mode & 0o777 == 0o600
    (told,) = person.run("renew", "--json").json["certificates"]
    assert (told["became"], told["copies"], told["copies_away"]) == ("good", [], [])


def test_an_empty_mount_point_is_left_alone(person: Person, out: Path) -> None:
    away = pull_out(out)
    out.mkdir(parents=True)
    assert go(person, everything=True).copies.away == (out,)
    assert go(person).copies.away == (out,)
    assert list(out.iterdir()) == []
    shutil.rmtree(out.parent)
    shutil.move(away, out.parent)
    assert go(person).copies.done == (out,)
    assert is_in_the_house(person, out)


def test_a_copy_that_never_comes_back_is_told_until_it_would_have_ended(
    person: Person, out: Path
) -> None:
    """After that whatever read it has long been served something else, or is gone."""
    pull_out(out)
    assert go(person, everything=True, later=timedelta(days=300)).copies.away == (out,)
    assert go(person, later=timedelta(days=390)).copies.away == (out,)
    assert go(person, later=timedelta(days=400)).copies.away == ()


def test_after_a_revocation_a_copy_that_was_away_gets_the_new_key(
    person: Person, out: Path
) -> None:
    away = pull_out(out)
    revoke(person)
    shutil.move(away, out.parent)
    assert go(person).copies.done == (out,)
    assert is_in_the_house(person, out)


def test_what_a_kill_left_half_copied_is_made_whole(person: Person, out: Path) -> None:
    """The key is written first: a new key beside the certificate from before."""
    away = pull_out(out)
    revoke(person)
    shutil.move(away, out.parent)
    shutil.copy(folder_of(person, "nas.lan") / "privkey.pem", out / "privkey.pem")
    certificate, key = ((out / name).read_bytes() for name in PAIR)
    assert not matches(certificate_from_pem(certificate), PrivateKey.from_pem(key))
    assert go(person).copies.done == (out,)
    assert is_in_the_house(person, out)


@pytest.mark.parametrize(
    "change", ["another certificate", "another key", "the root behind it", "the leaf alone"]
)
def test_what_its_owner_made_of_a_copy_stays(person: Person, out: Path, change: str) -> None:
    missed(person, out)
    with opened(person) as house:
        other = house.issue("other.lan", [parse_name("other.lan")])
    certificate, key = (out / name for name in PAIR)
    if change == "another certificate":
        shutil.copy(other.folder / "certificate.pem", certificate)
        shutil.copy(other.folder / "privkey.pem", key)
    elif change == "another key":
        shutil.copy(other.folder / "privkey.pem", key)
    elif change == "the root behind it":
        root = (person.house / "root.pem").read_bytes()
        certificate.write_bytes(certificate.read_bytes() + root)
    else:
        leaf, end, _ = certificate.read_bytes().partition(b"-----END CERTIFICATE-----\n")
        certificate.write_bytes(leaf + end)
    before = certificate.read_bytes(), key.read_bytes()
    item = go(person)
    assert (item.became, item.copies.done) == (Became.GOOD, ())
    assert (certificate.read_bytes(), key.read_bytes()) == before
    assert go(person, everything=True).became is Became.FAILED, "and as it is renewed that is told"
    assert (certificate.read_bytes(), key.read_bytes()) == before


def test_a_folder_that_cannot_be_read_fails_until_it_can(person: Person, out: Path) -> None:
    missed(person, out)
    (out / "certificate.pem").rename(out / "kept")
    (out / "certificate.pem").mkdir()  # root may read anything that is a file
    for _ in range(2):
        item = go(person)
        assert item.became is Became.FAILED
        assert item.trouble is not None
        assert str(out) in item.trouble.message
    (out / "certificate.pem").rmdir()
    (out / "kept").rename(out / "certificate.pem")
    assert go(person).copies.done == (out,)
    assert is_in_the_house(person, out)


def test_a_copy_that_somebody_made_by_hand_meanwhile_is_known_again(
    person: Person, out: Path
) -> None:
    missed(person, out)
    for name in PAIR:
        shutil.copy(folder_of(person, "nas.lan") / name, out / name)
    assert go(person).became is Became.GOOD
    with opened(person) as house:
        leaf = house.leaf("nas.lan")
        assert leaf is not None
        assert copies_of(house) == {"nas.lan": {out: fingerprint(leaf.certificate)}}


def revoke(person: Person) -> None:
    with opened(person) as house:
        now = house.clock()
        chosen = revoking.choose(house, "nas.lan", reason=Reason.KEY_COMPROMISE, now=now)
        assert chosen.to_replace is not None
        revoking.revoke(house, chosen.targets, reason=Reason.KEY_COMPROMISE, by="us", at=now)
        revoking.replace(house, chosen.to_replace)
