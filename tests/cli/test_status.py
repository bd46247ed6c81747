"""`housekey status`: one screen that is true, also of what a server presents this very moment."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from housekey.cli.status.words import told
from housekey.homeassistant.recorded import LABEL
from housekey.house.files import Files
from housekey.house.house import House, prepare_house
from housekey.house.journal import Journal, State
from housekey.house.records import Event
from housekey.pki.encoding import fingerprint
from housekey.pki.names import parse_name
from housekey.pki.subject import Subject
from tests.command import COMMAND, environment
from tests.live.servers import Pair, context_of, serving, tls
from tests.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from housekey.house.leaves import Leaf
    from tests.cli.conftest import Person

NOW = datetime.now(UTC).replace(microsecond=0)


@contextmanager
def opened(person: Person, *, at: datetime = NOW) -> Iterator[House]:
    """The house of that person, which is older than any of its leaves, with one for nas.lan."""
    if not (person.house / "root.pem").exists():
        clock = [NOW - timedelta(days=200)]
        new = prepare_house(names=(), subject=Subject("Our root"), clock=lambda: clock[0])
        with new.write(person.house, Files()) as house:
            clock[0] = NOW
            house.issue("nas.lan", [parse_name("nas.lan")])
    with House.open(person.house, files=Files(), clock=lambda: at) as house:
        yield house


def secured(person: Person, port: int, *, folder: str = "/config") -> Leaf:
    """Leave what `secure` leaves in a house: a leaf, and a change that was kept."""
    with opened(person) as house:
        leaf = house.issue(LABEL, [parse_name("localhost"), parse_name("127.0.0.1")])
    journal = Journal(person.house / "journal", files=Files(), clock=lambda: NOW)
    target = {"folder": folder, "scheme": "http", "host": "127.0.0.1", "port": str(port)}
    journal.begin(target).close(State.KEPT)
    return leaf


def presenting(leaf: Leaf, folder: Path) -> Callable[[socket.socket], None]:
    file = folder / f"{leaf.certificate.serial_number:x}.pem"
    file.write_bytes(leaf.chain_pem + leaf.key_pem.reveal())
    return tls(context_of(file))


@contextmanager
def changing(
    answers: list[Callable[[socket.socket], None]],
) -> Iterator[int]:
    """Serve with what `answers` holds last at that moment."""

    def answer(connection: socket.socket) -> None:
        answers[-1](connection)

    with serving(answer) as port:
        yield port


def nothing_there() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def test_it_says_that_home_assistant_presents_its_certificate_now(
    person: Person, tmp_path: Path
) -> None:
    answers: list[Callable[[socket.socket], None]] = [lambda _: None]
    with changing(answers) as port:
        leaf = secured(person, port)
        answers.append(presenting(leaf, tmp_path))
        done = person.run("status")
        told_json = person.run("status", "--json").json
    assert done.code == 0, done
    line = f"Home Assistant in /config presents it now, at port {port} of 127.0.0.1"
    assert f"serves    {line}" in done.out
    (serving_now,) = told_json["serving"]
    assert serving_now["presents_it"] is True
    assert serving_now["presents"] == fingerprint(leaf.certificate)
    assert told_json["home_assistants"] == ["/config"]


def test_an_earlier_certificate_is_known_as_one_and_is_exit_code_1(
    person: Person, tmp_path: Path
) -> None:
    """It was renewed, and Home Assistant has not been told."""
    answers: list[Callable[[socket.socket], None]] = [lambda _: None]
    with changing(answers) as port:
        answers.append(presenting(secured(person, port), tmp_path))
        with opened(person, at=NOW + timedelta(minutes=1)) as house:
            house.issue(LABEL, [parse_name("localhost")])
        done = person.run("status")
    assert done.code == 1, done
    assert "presents an earlier certificate of this house, for home-assistant" in done.out
    assert "next      give Home Assistant its new certificate: housekey renew" in done.out


def test_a_certificate_of_somebody_else_is_exit_code_1(person: Person, tmp_path: Path) -> None:
    with serving(tls(Pair(tmp_path, "localhost").context)) as port:
        secured(person, port)
        done = person.run("status", "--json")
        said = person.run("status").out
    assert done.code == 1, done
    assert "presents a certificate that is not of this house" in said
    assert "next      let Home Assistant present its certificate: housekey secure" in said
    assert done.json["serving"][0]["presents_it"] is False


def test_plain_http_where_https_was_is_exit_code_1(person: Person) -> None:
    with serving(lambda connection: connection.sendall(b"HTTP/1.1 400 No\r\n\r\n")) as port:
        secured(person, port)
        done = person.run("status")
    assert done.code == 1, done
    assert "presents no certificate now" in done.out


def test_a_home_assistant_that_is_off_is_told_and_is_no_exit_code_1(person: Person) -> None:
    secured(person, nothing_there())
    done = person.run("status")
    assert done.code == 0, done
    assert "does not answer now (Connection refused)" in done.out
    assert person.run("status", "--json").json["serving"][0]["presents_it"] is None


def test_offline_looks_at_no_server(person: Person) -> None:
    met: list[object] = []
    with serving(met.append) as port:
        secured(person, port)
        done = person.run("status", "--offline")
        assert not met
        assert person.run("status").code == 1
        assert len(met) == 1
    assert done.code == 0, done
    assert "serves    Home Assistant in /config\n" in done.out


def test_what_is_due_is_told_with_its_reason_and_what_to_do(person: Person) -> None:
    with opened(person) as house:
        leaf = house.leaf("nas.lan")
        assert leaf is not None
        sha256 = fingerprint(leaf.certificate)
        house.ledger.record_event("revoked", at=NOW, by="anna", sha256=sha256)
        house.issue("old.lan", [parse_name("old.lan")], days=1)
    done = person.run("status")
    assert done.code == 1, done
    assert "nas.lan: 396 days left  - due: it was revoked" in done.out
    assert "next      renew what is due: housekey renew" in done.out
    facts = person.run("status", "--json").json["certificates"]
    assert facts["nas.lan"]["due_because"] == "it was revoked"
    assert facts["old.lan"]["due"] is False


def test_the_bar_is_as_long_as_what_is_left(person: Person) -> None:
    with opened(person, at=NOW - timedelta(days=100)) as house:
        house.issue("half.lan", [parse_name("half.lan")], days=200)
    out = person.run("status").out
    assert "█████░░░░░  half.lan: 99 days left" in out
    assert "██████████  nas.lan: 396 days left" in out
    ascii_only = person.run("status", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert "#####.....  half.lan: 99 days left" in ascii_only.out


def test_the_last_events_are_told_in_plain_words(person: Person) -> None:
    with opened(person) as house:
        at = datetime(2024, 3, 8, 12, tzinfo=UTC)
        house.ledger.record_event("backed-up", at=at, by="anna")
        house.ledger.record_event("of-a-later-housekey", at=at, by="anna")
    out = person.run("status").out
    assert "last      8 March 2024: of a later housekey (anna)\n" in out
    assert "            8 March 2024: a backup was written (anna)\n" in out
    events = person.run("status", "--json").json["events"]
    assert [event["told"] for event in events][:2] == [
        "of a later housekey",
        "a backup was written",
    ]


KINDS = [
    kind.strip()
    for kind in (Event.__doc__ or "")
    .partition("The kinds:")[2]
    .partition(". A reader")[0]
    .split(",")
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", [{}, {"label": "_home-assistant", "why": "age", "names": []}])
def test_every_kind_of_event_has_words(kind: str, data: dict[str, object]) -> None:
    said = told(Event(NOW, kind, "anna", None, data))  # type: ignore[arg-type]
    assert len(said.split()) > 1
    assert not {"_home-assistant", "None"} & set(said.split())


def test_the_usual_house_fits_a_small_terminal(person: Person, tmp_path: Path) -> None:
    answers: list[Callable[[socket.socket], None]] = [lambda _: None]
    with changing(answers) as port:
        answers.append(presenting(secured(person, port, folder="/home/anna/ha"), tmp_path))
        with opened(person) as house:
            root = fingerprint(house.root)
            for number in range(5):
                house.issue(f"host{number}.lan", [parse_name(f"host{number}.lan")])
                house.ledger.record_event(
                    "device-trusts",
                    at=NOW,
                    by="share",
                    sha256=root,
                    data={"device": "iphone", "browser": "safari"},
                )
        screen = on_a_terminal(person)
    assert "presents it now" in " ".join(screen.split())
    assert len(screen.splitlines()) < 24, screen
    # Only the folder's name cannot be folded.
    assert max(len(line) for line in screen.splitlines() if str(person.house) not in line) <= 80


def on_a_terminal(person: Person, *arguments: str, lines: int = 24) -> str:
    env = environment(HOUSEKEY_HOUSE=str(person.house), COLUMNS="80", LINES=str(lines))
    with Terminal([*COMMAND, "status", *arguments], env=env) as terminal:
        terminal.wait()
        return terminal.said


def test_of_many_certificates_the_most_urgent_are_shown(person: Person) -> None:
    with opened(person) as house:
        for number in range(40):
            house.issue(f"host{number:02}.lan", [parse_name("host.lan")], days=300 + number)
    with opened(person, at=NOW - timedelta(days=90)) as house:
        house.issue("zz.lan", [parse_name("zz.lan")], days=100)
    screen = on_a_terminal(person)
    assert len(screen.splitlines()) < 24, screen
    assert "zz.lan: 9 days left  - due" in screen
    assert "host00.lan" in screen
    assert "host30.lan" not in screen
    assert "more, the next ends in" in screen
    assert len(person.run("status").out.splitlines()) > 42  # nobody scrolls a file


def test_watching_draws_it_anew_until_ctrl_c(person: Person) -> None:
    with opened(person):
        pass
    env = environment(HOUSEKEY_HOUSE=str(person.house), COLUMNS="80", LINES="24")
    with Terminal([*COMMAND, "status", "--watch", "0.5"], env=env) as terminal:
        terminal.expect("Ctrl-C ends it")
        assert "late.lan" not in terminal.said
        with opened(person) as house:
            house.issue("late.lan", [parse_name("late.lan")])
        terminal.expect("late.lan: 396 days left")
        # What goes wrong meanwhile is told, and it goes on.
        shutil.move(person.house / "issuing.pem", person.folder / "issuing.pem")
        terminal.expect("lacks issuing.pem")
        shutil.move(person.folder / "issuing.pem", person.house / "issuing.pem")
        before, terminal.said = terminal.said, ""
        terminal.expect("late.lan: 396 days left")
        terminal.send(signal.SIGINT)
        assert terminal.wait() == 130
    assert before.startswith("\x1b[?1049h")
    assert terminal.said.endswith("\x1b[?25h\x1b[?1049l")  # the screen from before, nothing after


@pytest.mark.parametrize("more", [[], ["--json"], ["--ics", "house.ics"]])
def test_watching_is_for_people_at_a_terminal(more: list[str], person: Person) -> None:
    done = person.run("status", "--watch", *more)
    assert done.code == 2, done
    assert "--watch" in done.err


def test_a_calendar_is_written_and_written_again_but_over_no_other_file(
    person: Person, tmp_path: Path
) -> None:
    with opened(person):
        pass
    file = tmp_path / "house.ics"
    file.write_bytes(b"somebody's own")
    done = person.run("status", "--ics", file)
    assert done.code == 0, done
    assert "saved     what was there before is now house.ics.before-1" in done.out
    assert (tmp_path / "house.ics.before-1").read_bytes() == b"somebody's own"
    assert b"SUMMARY:The certificate nas.lan ends\r\n" in file.read_bytes()
    assert person.run("status", "--ics", file).code == 0
    assert sorted(each.name for each in tmp_path.glob("house.ics*")) == [
        "house.ics",
        "house.ics.before-1",
    ]


def test_a_calendar_on_standard_output_is_alone_there(person: Person) -> None:
    with opened(person):
        pass
    ended = subprocess.run(
        [*COMMAND, "status", "--ics", "-"],
        env=environment(HOUSEKEY_HOUSE=str(person.house)),
        capture_output=True,
        check=True,
    )
    assert ended.stdout.startswith(b"BEGIN:VCALENDAR\r\n")
    assert ended.stdout.endswith(b"END:VCALENDAR\r\n")
    assert b"nas.lan: 396 days left" in ended.stderr
    assert person.run("status", "--ics", "-", "--json").code == 2


LOADED = """
    import sys
    from housekey.cli.main import run

    sys.argv = ["housekey", "status"]
    try:
        run()
    except SystemExit:
        loaded = sorted(sys.modules)
    import json
    print(json.dumps(loaded))
"""


def test_it_imports_nothing_that_it_does_not_use(person: Person) -> None:
    """The quick start of it hangs on this; `make bench` measures it."""
    with opened(person):
        pass
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LOADED)],
        env=environment(HOUSEKEY_HOUSE=str(person.house)),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "housekey.house.ledger" in loaded
    slow = {"aiohttp", "asyncio", "jinja2", "rich", "ruamel", "ssl", "platformdirs", "shutil"}
    slow |= {"textwrap", "cryptography.hazmat.primitives.serialization", "segno", "zeroconf"}
    ours = {"house.house", "house.journal", "pki.keys", "pki.issuing", "pki.crl", "pki.constraints"}
    ours |= {"homeassistant.switch", "onboarding.devices", "house.rebuilding", "pki.names"}
    assert loaded & (slow | {f"housekey.{each}" for each in ours}) == set()


@pytest.mark.parametrize(
    ("what", "said", "mends"),
    [
        ("certificate", "or it is damaged", "move that folder away"),
        ("key", "is open to other users", "chmod 600"),
    ],
)
def test_one_damaged_leaf_is_told_and_hides_no_other(
    person: Person, what: str, said: str, mends: str
) -> None:
    with opened(person) as house:
        bad = house.issue("bad.lan", [parse_name("bad.lan")])
    if what == "certificate":
        file = bad.folder / "certificate.pem"
        file.write_bytes(file.read_bytes()[:200])
    else:
        (bad.folder / "privkey.pem").chmod(0o644)
    done = person.run("status")
    assert (done.code, done.err) == (1, "")
    assert "nas.lan: 396 days left" in done.out
    told_of = [line for line in done.out.splitlines() if "bad.lan" in line]
    assert told_of[0].split()[0] == ("damaged" if what == "certificate" else "unsafe")
    assert said in " ".join(done.out.split())
    assert f"next bad.lan: {mends}" in " ".join(done.out.split())
    document = person.run("status", "--json").json
    assert sorted(document["certificates"]) == ["issuing CA", "nas.lan", "root"]
    (damaged,) = document["damaged"]
    assert damaged["label"] == "bad.lan"
    assert mends in damaged["hint"]


def test_home_assistant_that_presents_what_is_damaged_on_the_disk_presents_the_right_one(
    person: Person, tmp_path: Path
) -> None:
    """By the ledger; else it would be told that it presents somebody else's."""
    answers: list[Callable[[socket.socket], None]] = [lambda _: None]
    with changing(answers) as port:
        leaf = secured(person, port)
        answers.append(presenting(leaf, tmp_path))
        (leaf.folder / "certificate.pem").write_bytes(b"x")
        done = person.run("status")
    assert done.code == 1
    assert "damaged   home-assistant: " in done.out
    assert "Home Assistant in /config presents it now" in done.out


def test_a_damaged_ledger_is_two_lines_that_name_the_way_out(person: Person) -> None:
    with opened(person) as house:
        for number in range(60):
            house.ledger.record_event("issued", at=NOW, by="anna", data={"n": number})
    ledger = person.house / "ledger.sqlite"
    whole = ledger.read_bytes()
    ledger.write_bytes(whole[: len(whole) // 2])
    done = person.run("status")
    assert done.code == 3, done
    error, hint = done.err.splitlines()
    assert str(ledger) in error
    assert "housekey ledger rebuild" in hint
    rebuilt = person.run("ledger", "rebuild")
    assert rebuilt.code == 0, rebuilt
    assert "kept      the damaged ledger is in" in rebuilt.out
    assert person.run("status").code == 0
    again = person.run("ledger", "rebuild")
    assert "nothing   to do: the ledger is sound" in again.out
