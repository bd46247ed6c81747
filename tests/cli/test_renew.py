"""`housekey renew` without a Home Assistant: what is due, what is kept, and what fails alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from housekey.house.files import Files
from housekey.house.house import House, prepare_house
from housekey.pki.encoding import certificates_from_pem
from housekey.pki.keys import KeyType
from housekey.pki.names import parse_name
from housekey.pki.subject import Subject
from tests.cli.test_house import make_house

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Person

# One that is good, one of which a third of the life is left, one that has ended.
GOOD, OLD, ENDED = ("good.lan", 397), ("old.lan", 300), ("ended.lan", 90)
AGO = timedelta(days=210)


@pytest.fixture
def lived_in(person: Person) -> Person:
    """A house in which something was issued 210 days ago."""
    at = datetime.now(UTC).replace(microsecond=0) - AGO
    new = prepare_house(names=(), subject=Subject("Test root"), clock=lambda: at)
    with new.write(person.house, Files()) as house:
        for name, days in (GOOD, OLD, ENDED):
            names = [parse_name(name), parse_name("192.168.1.9")]
            subject = Subject(None, organization="Us")
            house.issue(name, names, days=days, key_type=KeyType.ECDSA_P384, subject=subject)
    return person


def renewed(person: Person, *more: str | Path) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run `housekey renew --json`; return its exit code and what it says of each."""
    done = person.run("renew", "--json", *more)
    assert done.out, done
    return done.code, {each["label"]: each for each in done.json["certificates"]}


def folder_of(person: Person, label: str) -> Path:
    return person.house / "leaves" / label


def test_what_is_due_is_renewed_and_nothing_else(lived_in: Person) -> None:
    before = (folder_of(lived_in, "good.lan") / "certificate.pem").read_bytes()
    code, told = renewed(lived_in)
    assert code == 0
    assert {label: each["became"] for label, each in told.items()} == {
        "ended.lan": "renewed",
        "good.lan": "good",
        "old.lan": "renewed",
    }
    assert told["old.lan"]["due"]["why"] == "age"
    assert told["ended.lan"]["due"]["why"] == "ended"
    assert told["ended.lan"]["days_left"] >= 88
    assert (folder_of(lived_in, "good.lan") / "certificate.pem").read_bytes() == before
    code, again = renewed(lived_in)
    assert code == 0
    assert {each["became"] for each in again.values()} == {"good"}


def test_a_renewal_keeps_names_key_kind_subject_and_lifetime(lived_in: Person) -> None:
    folder = folder_of(lived_in, "old.lan")
    key = (folder / "privkey.pem").read_bytes()
    (before, _) = certificates_from_pem((folder / "certificate.pem").read_bytes())
    renewed(lived_in)
    (after, _) = certificates_from_pem((folder / "certificate.pem").read_bytes())
    assert (folder / "privkey.pem").read_bytes() == key
    assert after.serial_number != before.serial_number
    assert after.subject == before.subject
    assert [each.value for each in after.extensions if "SubjectAlt" in str(each.oid)] == [
        each.value for each in before.extensions if "SubjectAlt" in str(each.oid)
    ]
    lives = [each.not_valid_after_utc - each.not_valid_before_utc for each in (before, after)]
    assert lives[0] == lives[1]


def test_a_dry_run_changes_nothing_and_says_what_it_would(lived_in: Person) -> None:
    def contents() -> dict[Path, bytes]:
        files = (path for path in lived_in.house.rglob("*") if "ledger" not in path.name)
        return {path: path.read_bytes() for path in files if path.is_file()}

    before = contents()
    done = lived_in.run("renew", "--dry-run")
    assert done.code == 0, done
    assert "would     renew old.lan" in done.out
    assert "would     renew good.lan" not in done.out
    assert contents() == before


def test_labels_and_names_say_which(lived_in: Person) -> None:
    code, told = renewed(lived_in, "old.lan")
    assert (code, list(told)) == (0, ["old.lan"])
    code, told = renewed(lived_in, "good.lan", "--all")
    assert (code, told["good.lan"]["became"]) == (0, "renewed")
    unknown = lived_in.run("renew", "nas.lan")
    assert unknown.code == 2
    assert "there is no certificate for nas.lan" in unknown.err
    assert "ended.lan, good.lan, old.lan" in unknown.err
    several = lived_in.run("renew", "192.168.1.9")
    assert several.code == 2
    assert "several certificates have the name 192.168.1.9" in several.err


def test_one_that_cannot_be_renewed_stops_no_other_and_is_told_loudly(lived_in: Person) -> None:
    (folder_of(lived_in, "old.lan") / "certificate.pem").write_text("no certificate")
    done = lived_in.run("renew", "--json")
    assert done.code == 1
    told = {each["label"]: each for each in done.json["certificates"]}
    assert told["old.lan"]["became"] == "failed"
    assert told["old.lan"]["error"]["hint"]
    assert told["ended.lan"]["became"] == "renewed"
    assert "old.lan" in done.err
    plain = lived_in.run("renew")
    assert plain.code == 1
    assert "failed    old.lan" in plain.out
    assert "hint      " in plain.out


def test_a_folder_that_never_had_a_certificate_is_no_failure_and_one_that_lost_it_is(
    lived_in: Person,
) -> None:
    Files().make_folder(folder_of(lived_in, "cut.short"), 0o700)
    for more in ([], ["--all"]):
        code, told = renewed(lived_in, *more)
        assert (code, "cut.short" in told) == (0, False)
    (folder_of(lived_in, "good.lan") / "certificate.pem").unlink()
    code, told = renewed(lived_in)
    assert code == 1
    assert told["good.lan"]["error"]["hint"] == "housekey cert new good.lan makes it again"
    assert lived_in.run("cert", "new", "good.lan").code == 0
    assert renewed(lived_in)[0] == 0


def test_a_house_whose_issuing_ca_has_ended_says_so_of_each(person: Person) -> None:
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3700)
    new = prepare_house(names=(), subject=Subject("Test root"), clock=lambda: at)
    with new.write(person.house, Files()) as house:
        house.issue("nas.lan", [parse_name("nas.lan")])
    done = person.run("renew", "--json")
    assert done.code == 1
    (told,) = done.json["certificates"]
    assert (told["became"], told["due"]["why"]) == ("failed", "ended")
    assert "issuing CA ended" in told["error"]["message"]


def test_one_that_was_revoked_for_good_is_left_alone_unless_it_is_named_and_gets_a_new_key(
    person: Person,
) -> None:
    assert person.run("cert", "new", "nas.lan", "--yes").code == 0
    key = (folder_of(person, "nas.lan") / "privkey.pem").read_bytes()
    revoked = person.run("cert", "revoke", "nas.lan", "--no-replacement")
    assert revoked.code == 0, revoked
    assert renewed(person) == (0, {})
    code, told = renewed(person, "nas.lan")
    assert (code, told["nas.lan"]["became"]) == (0, "renewed")
    assert told["nas.lan"]["due"]["why"] == "revoked"
    assert (folder_of(person, "nas.lan") / "privkey.pem").read_bytes() != key


@pytest.mark.parametrize("leaked", [False, True])
def test_after_a_rotation_all_are_renewed_and_keep_their_keys_unless_those_leaked(
    leaked: bool, person: Person
) -> None:
    made = person.run("cert", "new", "nas.lan", "--yes", "--json")
    code_file = person.folder / "code"
    code_file.touch(mode=0o600)
    code_file.write_text(made.json["recovery_code"])
    key = (folder_of(person, "nas.lan") / "privkey.pem").read_bytes()
    words = ("house", "rotate", "--recovery-code-file", str(code_file), "--yes")
    rotated = person.run(*words, *(["--leaked"] if leaked else []))
    assert rotated.code == 0, rotated
    code, told = renewed(person)
    assert (code, told["nas.lan"]["became"]) == (0, "renewed")
    assert told["nas.lan"]["due"]["why"] == "root"
    assert ((folder_of(person, "nas.lan") / "privkey.pem").read_bytes() == key) is not leaked
    code, told = renewed(person)
    assert (code, told["nas.lan"]["became"]) == (0, "good")


def test_a_self_signed_one_is_a_persons_to_renew(person: Person) -> None:
    assert person.run("cert", "new", "nas.lan", "--self-signed", "--yes").code == 0
    code, told = renewed(person)
    assert (code, told["nas.lan"]["became"]) == (0, "good")
    code, told = renewed(person, "--all")
    assert (code, told["nas.lan"]["became"]) == (1, "failed")
    assert told["nas.lan"]["error"]["hint"] == "housekey cert new --self-signed nas.lan"


def test_a_copy_elsewhere_is_renewed_and_what_somebody_put_there_is_not(person: Person) -> None:
    out = person.folder / "nginx"
    assert person.run("cert", "new", "nas.lan", "--out", out, "--yes").code == 0
    code, told = renewed(person, "--all")
    assert (code, told["nas.lan"]["copies"]) == (0, [str(out)])
    leaf = folder_of(person, "nas.lan") / "certificate.pem"
    assert (out / "certificate.pem").read_bytes() == leaf.read_bytes()
    assert (out / "certificate.pem").stat().st_mode & 0o777 == 0o644

    (out / "certificate.pem").write_text("mine")
    code, told = renewed(person, "--all")
    assert (code, told["nas.lan"]["became"]) == (1, "failed")
    assert "something else than the pair from before" in told["nas.lan"]["error"]["message"]
    assert (out / "certificate.pem").read_text() == "mine"
    said = " ".join(person.run("renew", "--all").out.split())
    assert "and could not be renewed" not in said, "it was"
    assert ": it was renewed, and a copy of it was not: " in said

    done = person.run("cert", "revoke", "nas.lan")
    assert done.code == 1, done
    said = " ".join(done.out.split())
    assert f"owed it was renewed, and a copy of it was not: {out}" in said
    assert "; copy it by hand from " in said
    assert "run the same command again" not in said, "that would revoke the new one, and copy none"

    (out / "certificate.pem").unlink()  # taken away by its owner: nothing is put there again
    code, told = renewed(person, "--all")
    assert (code, told["nas.lan"]["copies"]) == (0, [])
    assert not (out / "certificate.pem").exists()


def test_an_empty_house_and_none_at_all(person: Person) -> None:
    none = person.run("renew")
    assert none.code == 3
    assert "there is no house" in none.err
    make_house(person.house)
    done = person.run("renew")
    assert (done.code, "was issued yet" in done.out) == (0, True)


@pytest.mark.parametrize("hours", ["two", "02:00", "25:00-26:00", ""])
def test_quiet_hours_that_are_none_are_refused(person: Person, hours: str) -> None:
    make_house(person.house)
    done = person.run("renew", "--quiet-hours", hours)
    assert done.code == 2
    assert "--quiet-hours 02:00-05:00" in done.err


def test_what_was_renewed_and_why_is_in_the_ledger(lived_in: Person) -> None:
    renewed(lived_in)
    with House.open(
        lived_in.house, files=Files(), clock=lambda: datetime.now(UTC).replace(microsecond=0)
    ) as house:
        events = house.ledger.events(kind="renewed")
    assert {(event.data["label"], event.data["why"]) for event in events} == {
        ("old.lan", "age"),
        ("ended.lan", "ended"),
    }
