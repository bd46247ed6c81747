"""`housekey house backup`, `restore`, `recover` and `check`, as somebody meets them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from tests.command import COMMAND, Done, environment
from tests.house.disks import small_disk
from tests.terminal import Terminal

if TYPE_CHECKING:
    from tests.cli.conftest import Person

PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def code(person: Person) -> str:
    """The recovery code of a house with one leaf."""
    done = person.run("cert", "new", "nas.lan", "--yes", "--json")
    assert done.code == 0, done
    return str(done.json["recovery_code"])


def secret_file(person: Person, text: str) -> Path:
    path = person.folder / "secret"
    path.touch(mode=0o600)
    path.write_text(f"{text}\n")
    return path


def backed_up(person: Person, *more: str | Path) -> Path:
    path = person.folder / "house.backup"
    file = secret_file(person, PASSPHRASE)
    done = person.run("house", "backup", path, "--passphrase-file", file, *more)
    assert done.code == 0, done
    return path


def restored(person: Person, path: Path, *more: str | Path, passphrase: str = PASSPHRASE) -> Done:
    file = secret_file(person, passphrase)
    return person.run("house", "restore", path, "--passphrase-file", file, *more)


def refused(done: Done, said: str, *, code: int = 3) -> None:
    """It says what is wrong and what to do, in two lines, and nothing else."""
    assert done.code == code, done
    error, hint = done.err.splitlines()
    assert error.startswith("error: ")
    assert said in error
    assert hint.startswith("hint: ")


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "ledger" not in path.name and path.name != "lock"
    }


# A machine is lost


def test_a_house_moves_to_a_new_machine_in_one_file(person: Person, code: str) -> None:
    path = backed_up(person)
    was = files_in(person.house)
    shutil.rmtree(person.house)
    assert person.run("status").code == 3
    done = restored(person, path)
    assert done.code == 0, done
    assert files_in(person.house) == was
    assert person.run("status").code == 0
    checked = person.run("house", "check", "--json")
    assert checked.code == 0, checked
    assert checked.json["sound"] is True
    assert person.run("cert", "new", "nas.lan", "--yes").code == 0
    assert "nas.lan" in person.run("cert", "list").out


def test_the_recipe_of_the_documentation_opens_a_backup_without_housekey(
    person: Person, code: str
) -> None:
    path = backed_up(person)
    page = Path(__file__).parents[2] / "docs" / "recovery.md"
    (recipe,) = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    assert "housekey" not in recipe
    done = subprocess.run(
        [sys.executable, "-c", recipe, path, person.folder / "house.tar"],
        input=f"{PASSPHRASE}\n",
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,  # no terminal of its own: the passphrase comes from the pipe
    )
    assert done.returncode == 0, done.stderr
    with tarfile.open(person.folder / "house.tar") as archive:
        names = {each.name: each for each in archive}
        assert {each.mode for each in names.values()} == {0o600}
        key = archive.extractfile("issuing.key")
        assert key is not None
        assert key.read() == (person.house / "issuing.key").read_bytes()
    assert set(files_in(person.house)) < set(names)


def test_a_house_is_put_back_into_an_empty_folder(person: Person, code: str) -> None:
    path = backed_up(person)
    (person.folder / "new").mkdir(0o755)
    done = restored(person, path, "--house", person.folder / "new")
    assert done.code == 0, done
    assert (person.folder / "new").stat().st_mode & 0o777 == 0o700


def test_a_backup_says_what_opens_it_and_where_it_should_not_stay(
    person: Person, code: str
) -> None:
    path = person.folder / "b"
    file = secret_file(person, PASSPHRASE)
    done = person.run("house", "backup", path, "--passphrase-file", file)
    assert done.code == 0, done
    assert "the passphrase alone" in done.out
    assert "same disk as the house" in done.out
    told = person.run("house", "backup", path, "--passphrase-file", file, "--replace", "--json")
    assert told.json["opened_by"] == "passphrase"
    assert told.json["bytes"] == path.stat().st_size
    assert told.json["wrong"] == []


def test_a_file_that_is_there_is_not_overwritten_unasked(person: Person, code: str) -> None:
    path = person.folder / "house.backup"
    path.write_text("dear diary")
    file = secret_file(person, PASSPHRASE)
    done = person.run("house", "backup", path, "--passphrase-file", file)
    assert done.code == 2, done
    assert "--replace" in done.err
    assert path.read_text() == "dear diary"
    backed_up(person, "--replace")
    assert path.read_bytes().startswith(b"housekey backup 1\n")


@pytest.mark.parametrize("passphrase", ["", "short"])
def test_a_passphrase_that_can_be_guessed_is_refused(
    passphrase: str, person: Person, code: str
) -> None:
    file = secret_file(person, passphrase)
    done = person.run("house", "backup", person.folder / "b", "--passphrase-file", file)
    assert done.code == 2, done
    assert not (person.folder / "b").exists()


def test_without_a_terminal_the_passphrase_is_asked_for_by_its_option(
    person: Person, code: str
) -> None:
    path = backed_up(person)
    commands: list[list[str | Path]] = [
        ["house", "backup", person.folder / "b"],
        ["house", "restore", path, "--house", person.folder / "new"],
    ]
    for command in commands:
        done = person.run(*command)
        assert done.code == 2, done
        assert "--passphrase-file FILE" in done.err
    assert not (person.folder / "b").exists()
    assert not (person.folder / "new").exists()


def test_what_does_not_open_is_told_in_two_lines_and_nothing_is_there(
    person: Person, code: str
) -> None:
    path = backed_up(person)
    data = path.read_bytes()
    person.house = person.folder / "new"
    refused(restored(person, path, passphrase="correct horse battery stable"), "does not open")
    for damaged, said in (
        (data[:-1], "damaged"),
        (data[:100], "damaged"),
        (b"", "not a backup"),
        (data[:-1] + bytes([data[-1] ^ 1]), "damaged"),
        (data.replace(b"backup 1", b"backup 2", 1), "newer"),
        (b"\x89PNG\r\n" + data, "not a backup"),
    ):
        path.write_bytes(damaged)
        refused(restored(person, path), said)
    refused(restored(person, person.folder / "nowhere"), "not there")
    refused(restored(person, person.folder), "is a folder")
    assert not person.house.exists()


def test_a_house_that_is_there_goes_aside_only_when_that_was_said(
    person: Person, code: str
) -> None:
    path = backed_up(person)
    assert person.run("cert", "new", "cam.lan", "--yes").code == 0
    was = files_in(person.house)
    done = restored(person, path)
    assert done.code == 2, done
    assert "--replace" in done.err
    assert files_in(person.house) == was
    told = restored(person, path, "--replace", "--json").json
    assert [each["label"] for each in told["lacks"]] == ["cam.lan"]
    assert told["aside"] == f"{person.house}.before-1"
    assert files_in(person.folder / "house.before-1") == was
    assert "cam.lan" not in person.run("cert", "list").out


def crl_of(house: Path) -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl((house / "crl.der").read_bytes())


@pytest.mark.parametrize("lost", ["nothing", "the ledger"])
def test_what_was_revoked_since_the_backup_stays_revoked(
    lost: str, person: Person, code: str
) -> None:
    """Else a stolen printer's certificate would be in use again, and on no list."""
    path = backed_up(person)
    (backup,) = person.run("cert", "list", "--json").json["certificates"]
    assert person.run("cert", "revoke", backup["label"]).code == 0
    before = crl_of(person.house)
    if lost == "the ledger":
        for file in person.house.glob("ledger.sqlite*"):
            file.unlink()
    done = restored(person, path, "--replace")
    assert done.code == 0, done
    said = " ".join(done.out.split())
    assert "revoked since that backup, and it stays so: nas.lan" in said
    assert "what was revoked and is here again gets a new key: housekey renew" in said

    (again,) = person.run("cert", "list", "--json").json["certificates"]
    assert again["sha256"] == backup["sha256"]
    assert again["revoked"] is not None
    after = crl_of(person.house)
    assert {f"{each.serial_number:x}" for each in after} == {backup["serial"]}
    number = x509.CRLNumber
    assert (
        after.extensions.get_extension_for_class(number).value.crl_number
        > before.extensions.get_extension_for_class(number).value.crl_number
    )
    key = (person.house / "leaves" / backup["label"] / "privkey.pem").read_bytes()
    assert person.run("renew").code == 0
    assert (person.house / "leaves" / backup["label"] / "privkey.pem").read_bytes() != key


def test_no_room_for_a_backup_is_told_and_nothing_changes(person: Person, code: str) -> None:
    file = secret_file(person, PASSPHRASE)
    with small_disk(person.folder / "small", kilobytes=12) as disk:
        done = person.run("house", "backup", disk / "b", "--passphrase-file", file)
        refused(done, "the disk is full")
        assert list(disk.iterdir()) == []
    done = person.run("house", "backup", person.folder / "none" / "b", "--passphrase-file", file)
    refused(done, "not there")
    assert person.run("house", "check", "--json").json["findings"][0]["what"] == "there is none"


# With the recovery code


def test_the_recovery_code_seals_a_backup_if_it_is_the_houses_own(
    person: Person, code: str
) -> None:
    path = person.folder / "b"
    other = person.run("cert", "new", "x.lan", "-y", "--json", "--house", person.folder / "other")
    stranger = secret_file(person, other.json["recovery_code"])
    refused(person.run("house", "backup", path, "--recovery-code-file", stranger), "does not open")
    assert not path.exists()
    file = secret_file(person, code.lower().replace("-", " "))
    done = person.run("house", "backup", path, "--with-recovery-code", "--recovery-code-file", file)
    assert done.code == 0, done
    assert "the recovery code alone" in done.out
    new: list[str | Path] = ["--house", person.folder / "new"]
    done = person.run("house", "restore", path, *new, "--passphrase-file", file)
    refused(done, "opened by the recovery code", code=2)
    done = person.run("house", "restore", path, *new, "--recovery-code-file", file)
    assert done.code == 0, done
    both: list[str | Path] = ["--passphrase-file", file, "--with-recovery-code"]
    refused(person.run("house", "backup", person.folder / "c", *both), "not with both", code=2)


def test_recover_takes_the_code_from_standard_input_and_says_what_is_due(
    person: Person, code: str
) -> None:
    (person.house / "issuing.key").unlink()
    refused(person.run("cert", "new", "x.lan", "-y"), "lacks issuing.key")
    assert "house recover" in person.run("house", "check").out
    done = subprocess.run(
        [*COMMAND, "house", "recover", "--recovery-code-file", "-", "--json"],
        env=environment(HOUSEKEY_HOUSE=str(person.house)),
        input=f"{code}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done
    told = json.loads(done.stdout)
    assert told["due"] == ["nas.lan"]
    assert [each["label"] for each in told["still_accepted"]] == ["nas.lan"]
    assert person.run("cert", "new", "x.lan", "-y").code == 0
    assert person.run("house", "check").code == 0
    assert person.run("status").code == 1
    assert person.run("renew", "--yes").code == 0
    assert person.run("status").code == 0
    (earlier,) = person.run("house", "show", "--json").json["earlier"]
    assert (earlier["what"], earlier["why"]) == ("issuing CA", "rotated")


def test_after_a_leak_recover_says_plainly_what_it_does_not_do(person: Person, code: str) -> None:
    file = secret_file(person, code)
    done = person.run("house", "recover", "--leaked", "--recovery-code-file", file)
    assert done.code == 0, done
    assert "devices that trust the root accept them until" in done.out
    assert "housekey house rotate --leaked" in done.out
    assert re.search(r"accepted  nas\.lan, until \d+ \w+ 20\d\d", done.out)
    assert "next      housekey renew" in done.out


def test_a_sound_issuing_ca_is_replaced_only_when_that_was_said(person: Person, code: str) -> None:
    file = secret_file(person, code)
    before = files_in(person.house)
    done = person.run("house", "recover", "--recovery-code-file", file)
    assert done.code == 2, done
    assert "--yes" in done.err
    assert files_in(person.house) == before
    assert person.run("house", "recover", "--recovery-code-file", file, "--yes").code == 0
    assert files_in(person.house) != before


@pytest.mark.parametrize("text", ["", "not a code", "00000-00000-00000-00000-00000-00000"])
def test_what_is_no_code_of_this_house_is_refused(text: str, person: Person, code: str) -> None:
    file = secret_file(person, text)
    before = files_in(person.house)
    done = person.run("house", "recover", "--yes", "--recovery-code-file", file)
    assert done.code in (2, 3), done
    assert len(done.err.splitlines()) == 2
    assert files_in(person.house) == before


def test_without_a_house_nothing_is_left_behind(person: Person) -> None:
    person.house.mkdir()
    refused(person.run("house", "recover"), "no root.pem")
    refused(person.run("house", "check"), "no house")
    refused(person.run("house", "backup", person.folder / "b"), "no house")
    assert list(person.house.iterdir()) == []
    person.house.rmdir()
    refused(person.run("house", "check"), "no house")


# Asked on a terminal


def test_on_a_terminal_secrets_are_asked_for_and_never_shown(person: Person, code: str) -> None:
    env = environment(HOUSEKEY_HOUSE=str(person.house))
    path = person.folder / "b"
    with Terminal([*COMMAND, "house", "backup", str(path)], env=env) as terminal:
        terminal.expect("nobody can")
        terminal.expect("Passphrase for the backup")
        terminal.type(PASSPHRASE)
        terminal.expect("Once more")
        terminal.type(PASSPHRASE)
        assert terminal.wait() == 0, terminal.said
        assert PASSPHRASE not in terminal.said
    with Terminal([*COMMAND, "house", "restore", str(path)], env=env) as terminal:
        terminal.expect("Passphrase of the backup")
        terminal.type(PASSPHRASE)
        terminal.expect("Put it aside, and the backup in its place?")
        terminal.type("n")
        assert terminal.wait() == 1, terminal.said
        assert PASSPHRASE not in terminal.said
    with Terminal([*COMMAND, "house", "recover", "--leaked"], env=env) as terminal:
        terminal.expect("Recovery code")
        terminal.type(code[:-1] + ("0" if code[-1] != "0" else "1"))
        terminal.expect("typo")
        before, _, terminal.said = terminal.said.partition("typo")
        terminal.expect("Recovery code")  # the question again: what is typed earlier is not read
        terminal.type(code)
        assert terminal.wait() == 0, terminal.said
        assert code not in before + terminal.said


# Secrets


def test_no_secret_is_in_anything_that_is_said_or_kept_elsewhere(person: Person, code: str) -> None:
    """Everything that the commands say, also with -vv and when they fail, and every file."""
    file = secret_file(person, PASSPHRASE)
    keys = {
        line
        for path in person.house.rglob("*key*")
        for line in path.read_bytes().splitlines()[1:-1]
    }
    said = []
    path = person.folder / "b"
    with_code = person.folder / "code"
    with_code.touch(mode=0o600)
    with_code.write_text(code)
    for more in ("--json", "-vv"):
        given: list[str | Path] = ["--passphrase-file", file, more]
        said += [
            person.run("house", "backup", path, *given, "--replace"),
            person.run("house", "backup", person.folder / "no" / "b", *given),
            person.run("house", "restore", path, *given, "--replace"),
            person.run("house", "restore", path, "--passphrase-file", with_code, more),
            person.run("house", "recover", "--yes", "--recovery-code-file", with_code, more),
            person.run("house", "recover", "--yes", "--recovery-code-file", file, more),
            person.run("house", "check", more),
            person.run("house", "show", more),
        ]
    everything = "".join(done.out + done.err for done in said).encode()
    everything += path.read_bytes()
    for folder in person.folder.glob("house*"):
        everything += (folder / "ledger.sqlite").read_bytes()
    secrets = [PASSPHRASE, code, code.replace("-", ""), code.lower()]
    for secret in (*(each.encode() for each in secrets), *keys):
        assert secret not in everything
    assert len(keys) >= 6


def test_check_puts_back_what_the_ledger_has_when_that_is_asked(person: Person, code: str) -> None:
    was = (person.house / "issuing.pem").read_bytes()
    (person.house / "issuing.pem").unlink()
    done = person.run("house", "check")
    assert done.code == 1, done
    assert (
        "issuing.pem: it is missing - housekey house check --fix makes it again, from the ledger"
        in " ".join(done.out.split())
    )
    assert not (person.house / "issuing.pem").exists()
    done = person.run("house", "check", "--fix")
    assert done.code == 0, done
    assert "fixed     issuing.pem: made again, from the ledger" in done.out
    assert (person.house / "issuing.pem").read_bytes() == was
    again = person.run("house", "check", "--fix", "--json")
    assert (again.code, again.json["fixed"], again.json["sound"]) == (0, [], True)
