"""`housekey house rotate` as a person meets it: begun, looked at, ended, and refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from housekey.cli.house.rotate_telling import refused_for_now
from housekey.house.files import Files
from housekey.house.house import House
from housekey.house.recovery import RecoveryCode
from housekey.house.root_key import open_root_key
from housekey.onboarding.roots import opens_later
from housekey.onboarding.standing import standing
from housekey.pki.encoding import certificates_from_pem, fingerprint
from tests.command import COMMAND, environment
from tests.terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Person


@pytest.fixture
def code(person: Person) -> Path:
    """A house with one leaf, and a file with its recovery code."""
    done = person.run("cert", "new", "nas.lan", "--yes", "--json")
    assert done.code == 0, done
    file = person.folder / "code.txt"
    Files().write(file, done.json["recovery_code"].encode())
    return file


def rotate(person: Person, *arguments: str | Path) -> Any:
    done = person.run("house", "rotate", *arguments, "--yes", "--json")
    assert done.code == 0, done
    return done.json


def opened(person: Person) -> House:
    return House.open(person.house, files=Files(), clock=lambda: datetime.now(UTC))


def proves(person: Person, device: str, browser: str, *, old: bool = False) -> None:
    """Somebody's device has proved a root on the onboarding page."""
    with opened(person) as house:
        overlap = house.overlap
        root = overlap.old_root if old and overlap else house.root_for_devices
        house.ledger.record_event(
            "device-trusts",
            at=datetime.now(UTC),
            by="share",
            sha256=fingerprint(root),
            data={"device": device, "browser": browser},
        )


def chain_of_nas(person: Person) -> int:
    return len(
        certificates_from_pem((person.house / "leaves/nas.lan/certificate.pem").read_bytes())
    )


def test_a_new_root_from_the_first_word_to_the_last(person: Person, code: Path) -> None:
    with opened(person) as house:
        old = fingerprint(house.root)
    proves(person, "iphone", "safari")
    proves(person, "windows", "firefox")
    begun = rotate(person, "--recovery-code-file", code)
    assert (begun["state"], begun["old_root"]["sha256"]) == ("crossed", old)
    assert begun["root"]["sha256"] != old
    assert begun["recovery_code"] != code.read_text()
    assert begun["due"] == ["nas.lan"]
    assert begun["devices"] == {
        "known": 2,
        "proved": 0,
        "missing": ["Windows (Firefox)", "iPhone (Safari)"],
        "others": 0,
    }
    assert person.run("cert", "new", "nas.lan", "--yes").code == 0
    assert chain_of_nas(person) == 3

    proves(person, "iphone", "safari")
    proves(person, "android", "chrome")
    shown = person.run("house", "rotate")
    assert shown.code == 0, shown
    assert "proved    1 of 2 devices that had proved the old root, and 1 more" in shown.out
    assert "missing   Windows (Firefox)" in shown.out

    refused = person.run("house", "rotate", "--finish")
    assert refused.code == 2, "who is locked out by it is to say so"
    assert "1 device has not proved the new root" in refused.out
    proves(person, "windows", "firefox")
    done = person.run("house", "rotate", "--finish")
    assert done.code == 0, done
    assert f"housekey untrust --root {person.house}/old/0001/root.pem" in done.out
    assert person.run("cert", "new", "nas.lan", "--yes").code == 0
    assert chain_of_nas(person) == 2
    again = person.run("house", "rotate", "--finish")
    assert (again.code, again.err.splitlines()[0]) == (
        3,
        "error: there is nothing to finish: the house has one root",
    )


def test_who_gets_the_new_root_before_a_server_presents_it_is_not_led_into_a_wall(
    person: Person, code: Path
) -> None:
    begun = person.run("house", "rotate", "--recovery-code-file", code, "--yes")
    assert begun.code == 0, begun
    said = " ".join(begun.out.split())
    assert "next housekey renew, before any other device gets the new root" in said
    assert "one that has it alone is refused until then (nas.lan)" in said
    with opened(person) as house:
        told = refused_for_now(house)
        assert told is not None
        assert told.startswith("housekey renew first: ")
        assert told.endswith("(nas.lan)")
        assert opens_later(house, house.leaf("nas.lan")), "and the page says it to devices"
    assert "housekey share" not in person.run("status").out.partition("next")[2]
    assert person.run("renew").code == 0
    with opened(person) as house:
        assert refused_for_now(house) is None
        assert not opens_later(house, house.leaf("nas.lan"))
    steps = person.run("status", "--json").json["next"]
    assert "lead phones and laptops to the new root: housekey share" in steps


def test_without_the_code_nothing_happens(person: Person, code: Path) -> None:
    before = (person.house / "root.pem").read_bytes()
    asked = person.run("house", "rotate")
    assert asked.code == 2, asked
    assert "--recovery-code-file" in asked.err
    wrong = person.folder / "wrong.txt"
    Files().write(wrong, b"00000-00000-00000-00000-00000-00000")
    refused = person.run("house", "rotate", "--recovery-code-file", wrong, "--yes")
    assert refused.code == 3, refused
    assert "recovery code" in refused.err
    unsaid = person.run("house", "rotate", "--recovery-code-file", code)
    assert unsaid.code == 2, "nobody has said that the new code was written down"
    assert (person.house / "root.pem").read_bytes() == before
    assert not (person.house / "old").exists()


def test_who_has_lost_the_code_gets_a_root_that_waits(person: Person, code: Path) -> None:
    code.unlink()
    old = (person.house / "root.pem").read_bytes()
    begun = rotate(person, "--lost-code")
    assert (begun["state"], begun["due"]) == ("waiting", [])
    assert (person.house / "root.pem").read_bytes() == old
    shown = person.run("house", "rotate")
    assert "the new root waits until devices know it" in shown.out
    done = rotate(person, "--finish")
    assert (done["state"], done["due"]) == ("done", ["nas.lan"])
    assert done["root"] == begun["root"]


def test_while_a_root_waits_the_page_is_told_that_it_opens_nothing_yet(
    person: Person, code: Path
) -> None:
    rotate(person, "--lost-code")
    with opened(person) as house:
        told = refused_for_now(house)
        assert opens_later(house, house.leaf("nas.lan"))
    assert told is not None
    assert "knows the new root alone" in told
    rotate(person, "--finish")
    with opened(person) as house:
        assert opens_later(house, house.leaf("nas.lan")), "until it is renewed"
    assert person.run("renew").code == 0
    with opened(person) as house:
        assert not opens_later(house, house.leaf("nas.lan"))


def test_after_a_leak_there_is_no_overlap(person: Person, code: Path) -> None:
    code.unlink()
    asked = person.run("house", "rotate", "--leaked")
    assert asked.code == 2, "every device is locked out by it: somebody is to say yes"
    begun = rotate(person, "--leaked")
    assert (begun["state"], begun["devices"], begun["due"]) == ("done", None, ["nas.lan"])
    assert not (person.house / "old/0001/issuing.key").exists()
    key = (person.house / "leaves/nas.lan/privkey.pem").read_bytes()
    with opened(person) as house:
        assert opens_later(house, house.leaf("nas.lan"))
        assert not opens_later(house, None), "where nothing is presented, nothing opens later"
    renewed = person.run("renew", "nas.lan")
    assert renewed.code == 0, renewed
    assert (person.house / "leaves/nas.lan/privkey.pem").read_bytes() != key
    with opened(person) as house:
        leaf = house.leaf("nas.lan")
        assert leaf is not None
        assert house.is_current(leaf)


def test_what_is_permitted_anew_is_told_with_what_it_means(person: Person, code: Path) -> None:
    done = person.run(
        "house", "rotate", "--permit", "cam.example.org", "--recovery-code-file", code, "--yes"
    )
    assert done.code == 0, done
    assert "is refused as a whole by devices that know the old root alone" in done.out
    assert person.run("cert", "new", "cam.example.org", "--yes").code == 0


def test_going_back_gives_the_old_root_and_its_code_back(person: Person, code: Path) -> None:
    before = (person.house / "root.pem").read_bytes()
    rotate(person, "--recovery-code-file", code)
    done = person.run("house", "rotate", "--abort")
    assert done.code == 0, done
    assert "its recovery code is of no use" in done.out
    assert (person.house / "root.pem").read_bytes() == before
    rotate(person, "--recovery-code-file", code)


def test_who_drops_the_old_root_before_any_device_has_proved_the_new_one_is_told(
    person: Person, code: Path
) -> None:
    rotate(person, "--lost-code")
    done = person.run("house", "rotate", "--finish")
    assert done.code == 0, done
    assert "no device has proved the new root: those that lack it refuse what is" in done.out


def test_a_code_of_an_earlier_root_is_not_said_to_be_of_another_house_alone(
    person: Person, code: Path
) -> None:
    rotate(person, "--recovery-code-file", code)
    done = person.run("house", "recover", "--recovery-code-file", code, "--yes")
    assert done.code == 3, done
    assert "of an earlier root of this one" in done.err
    nothing = person.folder / "nothing.txt"
    Files().write(nothing, b"\n")
    done = person.run("house", "recover", "--recovery-code-file", nothing, "--yes")
    assert done.err.splitlines()[-1] == "hint: the recovery code must be in its first line"


@pytest.mark.parametrize("how", ["--lost-code", "--leaked"])
def test_a_second_one_meanwhile_is_refused_in_two_lines(
    how: str, person: Person, code: Path
) -> None:
    rotate(person, "--recovery-code-file", code)
    refused = person.run("house", "rotate", how, "--yes")
    assert refused.code == 3, refused
    assert refused.err.splitlines() == [
        "error: the house has two roots already: a rotation is under way",
        "hint: housekey house rotate shows where it stands; --finish or --abort ends it",
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        ["--finish", "--abort"],
        ["--leaked", "--lost-code"],
        ["--keep-old-key"],
        ["--finish", "--permit", "cam.example.org"],
    ],
)
def test_two_things_at_once_are_a_wrong_call(wrong: list[str], person: Person) -> None:
    done = person.run("house", "rotate", *wrong)
    assert done.code == 2, done
    assert len(done.err.splitlines()) == 2


def test_check_knows_which_of_two_roots_a_chain_leads_to(person: Person, code: Path) -> None:
    rotate(person, "--recovery-code-file", code)
    served = person.house / "leaves/nas.lan/certificate.pem"
    before = person.run("check", served)
    assert before.code == 0, before
    assert "the old one of the house" in before.out
    assert person.run("cert", "new", "nas.lan", "--yes").code == 0
    old: list[str | Path] = ["--root", person.house / "old/0001/root.pem"]
    for root in ([], old):
        after = person.run("check", served, *root)
        assert after.code == 0, after
        assert "refused" not in after.out


def test_a_device_that_is_two_of_a_kind_is_counted_twice() -> None:
    from housekey.house.records import Event  # noqa: PLC0415

    def proof(device: str, root: str) -> Event:
        data = {"device": device, "browser": "safari"}
        return Event(datetime.now(UTC), "device-trusts", "share", root, data)

    events = [proof("iphone", "old")] * 3 + [proof("iphone", "new")] * 2 + [proof("ipad", "new")]
    stands = standing([*events, proof("mac", "older still")], old="old", new="new")
    assert (stands.known, stands.proved, stands.others) == (3, 2, 1)
    assert stands.missing == ("iPhone (Safari)",)
    assert not stands.complete


def test_on_a_terminal_the_code_is_asked_for_unseen_and_the_new_one_is_acknowledged(
    person: Person, code: Path
) -> None:
    old = code.read_text()
    env = environment(TERM="dumb", HOUSEKEY_HOUSE=str(person.house))
    with Terminal([*COMMAND, "house", "rotate"], env=env) as terminal:
        terminal.expect("Recovery code: ")
        terminal.type(old)
        terminal.expect("Have you written it down?")
        assert old not in terminal.said
        shown = re.search(r"recovery code: ([0-9A-Z-]{35})", terminal.said)
        assert shown is not None
        terminal.type("y")
        assert terminal.wait() == 0
    with opened(person) as house:
        open_root_key(house, RecoveryCode.parse(shown[1]))


def test_who_has_not_written_the_code_down_has_no_new_root(person: Person, code: Path) -> None:
    before = (person.house / "root.pem").read_bytes()
    env = environment(TERM="dumb", HOUSEKEY_HOUSE=str(person.house))
    command = [*COMMAND, "house", "rotate", "--recovery-code-file", str(code)]
    with Terminal(command, env=env) as terminal:
        terminal.expect("Have you written it down?")
        terminal.type("n")
        assert terminal.wait() == 1
        assert "before anything was changed" in terminal.said
    assert (person.house / "root.pem").read_bytes() == before
    assert not (person.house / "rotation.json").exists()


def test_when_all_have_proved_it_the_old_root_is_offered_to_be_dropped(
    person: Person, code: Path
) -> None:
    proves(person, "iphone", "safari")
    rotate(person, "--recovery-code-file", code)
    proves(person, "iphone", "safari")
    env = environment(TERM="dumb", HOUSEKEY_HOUSE=str(person.house))
    with Terminal([*COMMAND, "house", "rotate"], env=env) as terminal:
        terminal.expect("All have proved it. Drop the old root now?")
        terminal.type("y")
        assert terminal.wait() == 0
        assert "dropped" in terminal.said
    with opened(person) as house:
        assert house.overlap is None
