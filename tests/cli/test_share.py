"""`housekey share`: devices arrive, download and prove trust; who has is told, and kept."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import socket
import sqlite3
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from demo.instance import free_port
from housekey.cli.output import Output
from housekey.cli.share import ready
from housekey.errors import HouseBusy
from housekey.homeassistant.names import local_addresses
from housekey.homeassistant.recorded import HTTP_CONFIG, LABEL
from housekey.house.files import Files
from housekey.house.generations import Kind
from housekey.house.house import House
from housekey.house.journal import Journal, SettingChange, State
from housekey.house.lock import house_lock
from housekey.house.root_key import open_root_key
from housekey.house.rotating import prepare_new_root
from housekey.onboarding.leaf import LABEL as ONBOARDING
from housekey.pki.constraints import DEFAULT_CONSTRAINTS
from housekey.pki.encoding import certificate_from_der, certificate_from_pem, fingerprint
from housekey.pki.fingerprint import lines_of
from housekey.pki.names import IpName, parse_name
from tests.cli.test_house import make_house
from tests.cli.visiting import ANDROID, Device, Ports, Sharing
from tests.command import COMMAND, environment
from tests.house.disks import small_disk
from tests.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Person


@pytest.fixture
def house(person: Person) -> Path:
    make_house(person.house)
    return person.house


def opened(house: Path) -> House:
    return House.open(house, files=Files(), clock=lambda: datetime.now(UTC).replace(microsecond=0))


def kept(house: Path) -> list[dict[str, Any]]:
    """What the ledger has of devices, oldest first."""
    with opened(house) as it:
        events = reversed(it.ledger.events(kind="device-trusts"))
        root = fingerprint(it.root)
        return [dict(event.data) for event in events if event.sha256 == root]


def listens(port: int, host: str = "127.0.0.1") -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=5):
        return True
    return False


# From arriving to trusting.


def test_a_device_arrives_downloads_and_proves_trust_and_each_step_is_a_line(
    house: Path, person: Person
) -> None:
    with Sharing(house) as sharing:
        sharing.expect("waiting   for devices; Ctrl-C ends it")
        phone = Device(sharing)
        root = certificate_from_pem(sharing.root.read_bytes())
        assert fingerprint(root) in phone.arrive().lower().replace(":", "")
        sharing.expect("arrived   device 1: iPhone (Safari)")
        assert certificate_from_der(phone.download()) == root
        sharing.expect("fetched   device 1: iPhone (Safari)")
        assert phone.prove() == {"trusted": True, "home_assistant": None}
        sharing.expect("trusts    device 1: iPhone (Safari)")
        done = sharing.send(signal.SIGINT)
    assert (done.code, done.err) == (0, ""), done
    assert "ended     1 device came, 1 proved that it trusts the root" in done.out
    assert kept(house) == [{"device": "iphone", "browser": "safari"}]
    today = datetime.now().astimezone()
    status = person.run("status")
    assert f"devices   1 trusts the root: iPhone (Safari) {today.day} {today:%B}\n" in status.out
    (told,) = person.run("status", "--json").json["devices"]
    assert (told["device"], told["browser"]) == ("iphone", "safari")
    assert datetime.fromisoformat(told["at"]).date() == datetime.now(UTC).date()


def test_a_device_that_does_not_trust_the_root_proves_nothing(house: Path, tmp_path: Path) -> None:
    make_house(tmp_path / "stranger")
    with Sharing(house) as sharing:
        sharing.expect("waiting")
        stranger = Ports(sharing.port, sharing.proof_port, tmp_path / "stranger" / "root.pem")
        Device(stranger).arrive()
        with pytest.raises(ssl.SSLCertVerificationError):
            Device(stranger).prove()
        done = sharing.send()
    assert "ended     1 device came, none proved that it trusts the root" in done.out
    assert kept(house) == []


def test_while_two_roots_overlap_the_page_hands_out_the_new_one_and_only_it_is_proven(
    person: Person, tmp_path: Path
) -> None:
    code, house = make_house(person.house), person.house
    old = tmp_path / "old.pem"
    old.write_bytes((house / "root.pem").read_bytes())
    with opened(house) as it:
        prepare_new_root(it, Kind.CROSSED, old_key=open_root_key(it, code)).write(it)
    with opened(house) as it:
        new = fingerprint(it.root)
    with Sharing(house) as sharing:
        sharing.answers()
        device = Device(sharing)
        assert device.about()["sha256"] == new
        assert "opens-later" not in device.arrive(), "there is no Home Assistant that could refuse"
        assert hashlib.sha256(device.download()).hexdigest() == new
        sharing.root = old
        with pytest.raises(ssl.SSLCertVerificationError):
            device.prove()
        sharing.root = house / "root.pem"
        assert device.prove()["trusted"] is True
        sharing.expect("trusts")
        sharing.send()
    with opened(house) as it:
        assert [event.sha256 for event in it.ledger.events(kind="device-trusts")] == [new]


def test_a_root_that_waits_is_handed_out_and_proven_too(person: Person) -> None:
    make_house(person.house)
    with opened(person.house) as it:
        prepare_new_root(it, Kind.WAITING).write(it)
    with opened(person.house) as it:
        new = fingerprint(it.root_for_devices)
    with Sharing(person.house) as sharing:
        sharing.answers()
        with pytest.raises(ssl.SSLCertVerificationError):
            Device(sharing).prove()
        sharing.root = person.house / "next/root.pem"
        assert Device(sharing).about()["sha256"] == new
        assert Device(sharing).prove()["trusted"] is True
        sharing.expect("trusts")
        sharing.send()
    with opened(person.house) as it:
        assert [event.sha256 for event in it.ledger.events(kind="device-trusts")] == [new]


def test_no_line_tells_more_of_a_device_than_two_words(house: Path) -> None:
    with Sharing(house) as sharing:
        sharing.expect("waiting")
        Device(sharing, address="127.9.8.7").arrive()
        assert Device(sharing, agent="secret-agent/7", address="127.9.8.7").come_by("bank.example")
        sharing.expect("refused   1 request, for a host that is not this page's")
        done = sharing.send()
    assert "127.9.8.7" not in str(done)
    assert "secret-agent" not in str(done)
    assert "bank.example" not in str(done)


# When it ends.


def test_once_ends_with_the_first_proof_and_the_device_still_hears_of_it(house: Path) -> None:
    with Sharing(house, "--once") as sharing:
        sharing.expect("it ends when 1 device has proved trust")
        assert Device(sharing).prove()["trusted"] is True
        done = sharing.end()
    assert done.code == 0, done
    assert not listens(sharing.port)
    assert len(kept(house)) == 1


def test_until_counts_devices_and_not_their_proofs(house: Path) -> None:
    with Sharing(house, "--until", "2") as sharing:
        sharing.expect("waiting")
        phone = Device(sharing)
        for _ in range(3):
            assert phone.prove()["trusted"] is True
        Device(sharing, ANDROID).arrive()
        sharing.expect("device 2: Android (Chrome)")
        Device(sharing, address="127.0.0.2").prove()
        done = sharing.end()
    assert done.code == 0, done
    assert "3 devices came, 2 proved that they trust the root" in done.out
    assert len(kept(house)) == 2


def test_a_device_that_proves_again_counts_and_is_not_kept_twice(house: Path) -> None:
    with Sharing(house, "--once") as sharing:
        sharing.expect("waiting")
        Device(sharing).prove(again=True)
        done = sharing.end()
    assert done.code == 0, done
    assert "trusts    device 1: iPhone (Safari), as before" in done.out
    assert kept(house) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_way_to_end_it_ends_it_well_and_leaves_nothing_running(
    number: signal.Signals, house: Path
) -> None:
    with Sharing(house) as sharing:
        sharing.expect("waiting")
        done = sharing.send(number)
    assert (done.code, done.err) == (0, ""), done
    assert "ended     no device came" in done.out
    assert not listens(sharing.port)
    assert not listens(sharing.proof_port)


def test_ended_before_as_many_as_were_wanted_it_was_interrupted(house: Path) -> None:
    with Sharing(house, "--until", "2", "--json") as sharing:
        sharing.answers()
        Device(sharing).prove()
        while not kept(house):
            pass
        done = sharing.send(signal.SIGTERM)
    assert done.code == 130, done
    error, hint = done.err.splitlines()[-2:]  # after the story, which is told there
    assert error == "error: interrupted when 1 of 2 devices had proved trust"
    assert hint.startswith("hint: ")
    assert done.json["error"]["exit_code"] == 130
    assert [each["device"] for each in done.json["devices"]] == ["iphone"]
    assert len(kept(house)) == 1


def test_when_a_process_of_the_page_dies_it_is_an_error(house: Path) -> None:
    with Sharing(house) as sharing:
        sharing.expect("waiting")
        children = Path(f"/proc/{sharing.pid}/task/{sharing.pid}/children").read_text().split()
        assert len(children) == 2
        os.kill(int(children[0]), signal.SIGKILL)
        done = sharing.end()
    error, hint = done.err.splitlines()
    assert done.code == 3, done
    assert error.startswith("error: the process that serves the ")
    assert hint.startswith("hint: ")
    assert not listens(sharing.port)
    assert not listens(sharing.proof_port)


# What it says.


def test_json_is_one_document_at_the_end(house: Path) -> None:
    with Sharing(house, "--json", "--once") as sharing:
        sharing.told("waiting")  # on standard error, so that a script knows when it is there
        phone = Device(sharing)
        phone.arrive()
        phone.download()
        phone.prove()
        done = sharing.end()
    assert done.code == 0, done
    story = [line.split()[0] for line in done.err.splitlines()]
    assert story[-5:] == ["waiting", "arrived", "fetched", "trusts", "ended"]
    told = done.json
    root = certificate_from_pem(sharing.root.read_bytes())
    assert told["root"]["sha256"] == fingerprint(root)
    assert told["fingerprint"].replace(":", "").lower() == fingerprint(root)
    assert told["addresses"] == [
        f"http://localhost:{sharing.port}",
        f"http://127.0.0.1:{sharing.port}",
    ]
    assert told["proof_port"] == sharing.proof_port
    assert (told["home_assistant"], told["card"]) == (None, None)
    assert "no-new-privileges" in told["confined"]
    (device,) = told["devices"]
    assert (device["device"], device["browser"], device["again"]) == ("iphone", "safari", False)
    assert list(device["steps"]) == ["arrived", "fetched", "trusts"]
    assert (told["came"], told["proofs"]) == (1, 1)


def test_it_says_where_and_what_to_compare(house: Path) -> None:
    with Sharing(house, bind=None) as sharing:
        sharing.expect("waiting")
        done = sharing.send()
    out = done.out
    root = fingerprint(certificate_from_pem(sharing.root.read_bytes())).upper()
    assert ":".join(root[at : at + 2] for at in range(0, 16, 2)) in out
    assert "█" not in out  # a code is for a terminal
    home = [each for each in local_addresses() if DEFAULT_CONSTRAINTS.permits(IpName(each))]
    if home:
        assert f"{sharing.port}" in out.split("page      ")[1].splitlines()[0]
    else:
        assert "heads up  no other device can open the page" in out
        assert f"page      http://localhost:{sharing.port}" in out


def test_by_default_it_answers_at_private_addresses_and_at_no_other(house: Path) -> None:
    with Sharing(house, bind=None) as sharing:
        sharing.expect("waiting")
        for address in local_addresses():
            is_private = DEFAULT_CONSTRAINTS.permits(IpName(address))
            assert listens(sharing.port, str(address)) is is_private
            assert listens(sharing.proof_port, str(address)) is is_private
        sharing.send()


def test_with_bind_it_answers_there_alone(house: Path) -> None:
    with Sharing(house, bind="127.0.0.2") as sharing:
        sharing.expect("waiting")
        assert listens(sharing.port, "127.0.0.2")
        assert not listens(sharing.port)
        sharing.send()
    with Sharing(house, bind="0.0.0.0") as sharing:
        sharing.expect("waiting")
        assert listens(sharing.port, "127.0.0.2")
        assert Device(sharing).come_by(f"127.0.0.1:{sharing.port}") == 200
        sharing.send()


def test_the_page_leads_to_the_home_assistant_that_was_secured(person: Person) -> None:
    recovery_code, house = make_house(person.house).text, person.house
    with opened(house) as it:
        it.issue(LABEL, [parse_name("ha.lan"), parse_name("127.0.0.1")])
    journal = Journal(house / "journal", files=Files(), clock=lambda: datetime.now(UTC))
    target = {"folder": "/config", "scheme": "http", "host": "127.0.0.1", "port": "8123"}
    transaction = journal.begin(target)
    with transaction.step("any", SettingChange(HTTP_CONFIG, {}, {"server_port": 8443})):
        pass
    transaction.close(State.KEPT)
    with Sharing(house) as sharing:
        sharing.expect("leads to  https://ha.lan:8443")
        sharing.expect("waiting")
        # A device that came by an address of Home Assistant's is sent on by the same.
        assert Device(sharing).prove()["home_assistant"] == "https://127.0.0.1:8443"
        assert "opens-later" not in Device(sharing).arrive()
        sharing.send()
    code = person.folder / "code.txt"
    Files().write(code, recovery_code.encode())
    assert person.run("house", "rotate", "--yes", "--recovery-code-file", code).code == 0
    with Sharing(house, "--home-assistant", "https://other.lan") as sharing:
        sharing.expect("leads to  https://other.lan")
        sharing.expect("waiting")
        # It presents the chain from before: whoever gets the new root alone is refused there.
        assert "opens-later" in Device(sharing).arrive()
        assert Device(sharing).prove()["home_assistant"] == "https://other.lan"
        sharing.send()


# On a terminal.


@contextlib.contextmanager
def on_terminal(house: Path, *options: str, columns: int = 80) -> Iterator[tuple[Terminal, Ports]]:
    port, proof_port = free_port(), free_port()
    command = [*COMMAND, "share", f"--port={port}", f"--proof-port={proof_port}", *options]
    env = environment(
        HOUSEKEY_HOUSE=str(house), COLUMNS=str(columns), LINES="24", TERM="xterm-256color"
    )
    with Terminal(command, env=env) as terminal:
        yield terminal, Ports(port, proof_port, house / "root.pem")


def test_on_a_terminal_the_list_follows_the_devices(house: Path) -> None:
    with on_terminal(house) as (terminal, page):
        terminal.expect("waiting for the first device; Ctrl-C ends it")
        phone = Device(page)
        phone.arrive()
        terminal.expect("opened the page")
        phone.download()
        terminal.expect("downloaded the root")
        Device(page, ANDROID).arrive()
        terminal.expect("Android")
        phone.prove()
        terminal.expect("trusts the root")
        terminal.send(signal.SIGINT)
        assert terminal.wait() == 0
    last = terminal.said[terminal.said.rindex("device ") :]
    assert "2  Android  Chrome   opened the page" in last
    assert "2 devices came, 1 proved that it trusts the root" in last
    assert terminal.said.count("\x1b[?25h") == terminal.said.count(
        "\x1b[?25l"
    )  # the cursor is back


def test_on_24_lines_the_code_the_address_and_the_fingerprint_are_in_view_together(
    house: Path,
) -> None:
    home = [each for each in local_addresses() if DEFAULT_CONSTRAINTS.permits(IpName(each))]
    if not home:  # what a machine is connected to is no engine that is missing
        pytest.skip("this machine has no private address")
    with on_terminal(house) as (terminal, page):
        terminal.expect("waiting for")
        Device(page).arrive()
        Device(page, ANDROID).arrive()
        terminal.expect("Android")
        terminal.send(signal.SIGTERM)
        assert terminal.wait() == 0
        view = terminal.said[: terminal.said.index("waiting for")].splitlines()[-24 + 4 :]
    root = fingerprint(certificate_from_pem((house / "root.pem").read_bytes()))
    shown = "\n".join(view)
    assert sum("█" in line for line in view) == sum(
        "█" in line for line in terminal.said.split("\n")
    )
    assert f":{page.port}" in shown
    for line in lines_of(root):
        assert line.rstrip(":") in shown


@pytest.mark.parametrize("columns", [80, 40, 32])
def test_no_line_is_wider_than_the_terminal_and_a_code_that_does_not_fit_is_left_out(
    columns: int, house: Path
) -> None:
    home = [each for each in local_addresses() if DEFAULT_CONSTRAINTS.permits(IpName(each))]
    with on_terminal(house, columns=columns) as (terminal, page):
        terminal.expect("waiting for")
        Device(page).prove()
        terminal.expect("trusts")
        terminal.send(signal.SIGTERM)
        assert terminal.wait() == 0
    # One word may be wider: an address is not broken, or nobody could copy it.
    lines = [line for line in _plain(terminal.said).splitlines() if "http" not in line]
    assert [line for line in lines if len(line.rstrip()) > columns] == []
    assert ("█" in terminal.said) is (columns > 32 and bool(home))


def _plain(said: str) -> str:
    import re  # noqa: PLC0415

    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", said).replace("\r", "\n")


# What it leaves in the house, and beside it.


def test_the_leaf_of_the_proof_is_used_again_and_never_makes_the_house_due(
    house: Path, person: Person
) -> None:
    for _ in range(2):
        with Sharing(house) as sharing:
            sharing.expect("waiting")
            sharing.send()
    with opened(house) as it:
        assert len(it.ledger.certificates(ONBOARDING)) == 1
    with Sharing(house, bind="127.0.0.2") as sharing:  # another host than before
        sharing.expect("waiting")
        sharing.send()
    with opened(house) as it:
        assert len(it.ledger.certificates(ONBOARDING)) == 2
    status = person.run("status")
    assert "onboarding-page: 396 days left" in status.out
    assert "next      housekey secure" in status.out


def test_a_card_is_written_and_written_again_but_over_no_other_file(
    house: Path, tmp_path: Path
) -> None:
    card = tmp_path / "card.svg"
    for _ in range(2):
        with Sharing(house, "--card", card) as sharing:
            sharing.expect(f"card      {card}")
            sharing.expect("waiting")
            sharing.send()
        assert f"http://localhost:{sharing.port}" in card.read_text()
    other = tmp_path / "diary.svg"
    other.write_text("<svg>dear diary</svg>")
    with Sharing(house, "--card", other) as sharing:
        done = sharing.end()
    assert done.code == 2, done
    assert "answer with --yes" in done.err
    assert other.read_text() == "<svg>dear diary</svg>"
    with Sharing(house, "--card", other, "--yes") as sharing:
        sharing.expect("waiting")
        sharing.send()
    assert "dear diary" not in other.read_text()


def test_a_card_that_cannot_be_written_is_told_before_anything_is_served(
    house: Path, tmp_path: Path
) -> None:
    with Sharing(house, "--card", tmp_path / "none" / "card.svg") as sharing:
        done = sharing.end()
    assert done.code == 3, done
    assert "the file or its folder is not there" in done.err.splitlines()[0]


def test_a_ledger_that_is_busy_does_not_end_the_page_and_gets_everything_later(
    house: Path,
) -> None:
    with Sharing(house) as sharing:
        sharing.expect("waiting")
        busy = sqlite3.connect(house / "ledger.sqlite", isolation_level=None)
        busy.execute("BEGIN IMMEDIATE")
        Device(sharing).prove()
        sharing.expect("warning   not in the ledger yet: another housekey is writing to")
        Device(sharing, ANDROID).arrive()
        sharing.expect("arrived   device 2: Android (Chrome)")
        busy.execute("ROLLBACK")
        busy.close()
        done = sharing.send()
    assert done.code == 0, done
    assert kept(house) == [{"device": "iphone", "browser": "safari"}]


def test_a_full_disk_does_not_end_the_page_and_the_exit_code_says_it(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", kilobytes=600) as disk:
        make_house(disk / "house")
        with Sharing(disk / "house") as sharing:
            sharing.expect("waiting")
            with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            number = 0
            while "warning   not in the ledger yet: " not in sharing.out:
                number += 1  # SQLite may have room yet for what it has taken from the disk already
                assert number < 100
                assert Device(sharing, address=f"127.0.1.{number}").prove()["trusted"] is True
                sharing.expect(f"trusts    device {number}: ")
            done = sharing.send()
    assert done.code == 3, done
    assert "the disk is full" in done.out
    assert "error: the proof of " in done.err.splitlines()[0]


# When it cannot.


def test_without_a_house_it_is_said_what_makes_one(person: Person) -> None:
    done = person.run("share")
    assert done.code == 3, done
    assert "housekey secure creates one" in done.err


def test_a_port_that_is_taken_is_two_lines(house: Path) -> None:
    with Sharing(house) as first:
        first.expect("waiting")
        with Sharing(house, f"--port={first.port}") as second:
            done = second.end()
        first.send()
    error, hint = done.err.splitlines()
    assert done.code == 3, done
    assert f"port {first.port}" in error
    assert "taken" in error
    assert "--port" in hint


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--bind", "eth0"], "'eth0' is not an IP address"),
        (["--bind", "fe80::1%eth0"], "is known on one network card alone"),
        (["--bind", "198.51.100.1"], "198.51.100.1 is not an address of this machine"),
        (["--home-assistant", "http://ha.lan:8123"], "is not a Home Assistant on https"),
        (["--home-assistant", "https://"], "cannot be the address of a Home Assistant"),
        (["--once", "--until", "2"], "--once and --until say two things"),
        (["--until", "0"], "0 is not in the range"),
        (["--port", "0"], "0 is not in the range"),
    ],
)
def test_a_call_that_cannot_be_meant_is_exit_code_2(
    options: list[str], said: str, house: Path, person: Person
) -> None:
    done = person.run("share", *options)
    error, _hint = done.err.splitlines()
    assert (done.code, done.out) == (2, ""), done
    assert said in error
    assert not (house / "leaves").exists()


def test_an_address_that_the_house_may_not_speak_for_is_refused(
    house: Path, person: Person
) -> None:
    outside = [each for each in local_addresses() if not DEFAULT_CONSTRAINTS.permits(IpName(each))]
    if not outside:  # what a machine is connected to is no engine that is missing
        pytest.skip("this machine has no address that is not private")
    done = person.run("share", "--bind", str(outside[0]))
    assert done.code == 3, done
    assert f"this house may not issue a certificate for {outside[0]}" in done.err


@pytest.mark.parametrize(
    ("born", "said"),
    [(timedelta(days=-4018), "ended"), (timedelta(days=2), "clock")],
    ids=["ended", "unborn"],
)
def test_outside_its_time_a_house_has_no_page(born: timedelta, said: str, person: Person) -> None:
    make_house(person.house, born=born)
    done = person.run("share")
    assert done.code == 3, done
    assert said in done.err


def test_ctrl_c_while_it_waits_for_another_housekey_ends_it_at_once(house: Path) -> None:
    with house_lock(house, wait=0, files=Files()), Sharing(house) as sharing:
        _until_it_has_opened(house / "ledger.sqlite", sharing.pid)
        done = sharing.send()
    assert done.code == 130, done
    assert "interrupted" in done.err
    assert not (house / "leaves").exists()


def test_a_house_that_stays_locked_is_told_and_one_with_a_leaf_needs_no_lock(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ready, "LOCK_SECONDS", 0.3)
    names = [parse_name("pi.local")]
    with opened(house) as it:
        with house_lock(house, wait=0, files=Files()), pytest.raises(HouseBusy):
            asyncio.run(ready._leaf(it, names, Files(), Output()))
        leaf = asyncio.run(ready._leaf(it, names, Files(), Output()))
        with house_lock(house, wait=0, files=Files()):
            assert (
                asyncio.run(ready._leaf(it, names, Files(), Output())).certificate
                == leaf.certificate
            )


def _until_it_has_opened(file: Path, pid: int) -> None:
    while not _has_open(file, pid):
        pass


def _has_open(file: Path, pid: int) -> bool:
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            if Path(os.path.realpath(fd)) == file:
                return True
    return False
