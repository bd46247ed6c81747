"""`housekey check` and bad input: two lines, exit code 3 (or 2), within five seconds."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING

import pytest

from housekey.cli.main import _exit_code
from housekey.live.survey import FIRST_ROUND_SECONDS
from housekey.pki.encoding import certificate_to_pem, to_der
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.secret import Secret
from tests.live.servers import saying, serving, silent
from tests.needs import require
from tests.pki.houses import a_house

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Person
    from tests.command import Done

CERTIFICATE = certificate_to_pem(a_house().issuing.certificate)
DER = to_der(a_house().issuing.certificate)
LIMIT = 5.0  # seconds until it is told that a host does not answer
KEY = PrivateKey.generate(KeyType.ECDSA_P256)
_BOUNDARY = "a line that begins or ends it has something else on it"


def refused(person: Person, *arguments: str | Path, code: int = 3) -> str:
    """Check something bad, and return the first line of what was said."""
    done: Done = person.run("check", *arguments)
    assert (done.code, done.out) == (code, ""), done
    error, hint = done.err.splitlines()
    assert error.startswith("error: ")
    assert hint.startswith("hint: ")
    return error


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (CERTIFICATE[:400], "cut short"),
        (CERTIFICATE[:-10], _BOUNDARY),
        (CERTIFICATE + CERTIFICATE[:400], "cut short"),
        (
            CERTIFICATE.rstrip() + CERTIFICATE,
            _BOUNDARY,
        ),
        (DER[:200], "damaged"),
        (DER + b"more", "damaged"),
        (b"", "empty"),
        (b"\0" * 4096, "neither PEM nor DER"),
        (os.urandom(4096), "neither PEM nor DER"),
        (b"hello", "neither PEM nor DER"),
        (KEY.to_pem().reveal(), "a private key, where a certificate is meant"),
        (
            KEY.to_sealed_pem(Secret(b"secret")),
            "the private key is locked with a passphrase, and a certificate is meant",
        ),
    ],
    ids=[
        "truncated",
        "truncated at the very end",
        "the second one truncated",
        "concatenated without a line break",
        "truncated DER",
        "DER with more behind it",
        "empty",
        "zeros",
        "noise",
        "text",
        "a key",
        "an encrypted key",
    ],
)
def test_a_file_that_holds_no_chain(person: Person, data: bytes, words: str) -> None:
    file = person.folder / "chain.pem"
    file.write_bytes(data)
    said = refused(person, file)
    assert said.startswith(f"error: {file}: ")
    assert words in said
    # The same for the root.
    good = person.folder / "good.pem"
    good.write_bytes(CERTIFICATE)
    assert f"error: {file}: " in refused(person, good, "--name", "ha.lan", "--root", file)


def test_a_file_of_ten_mebibytes(person: Person) -> None:
    file = person.folder / "large.pem"
    file.write_bytes(CERTIFICATE * 17_000)
    assert file.stat().st_size > 10 << 20
    assert "no file of certificates is that large" in refused(person, file)


def test_files_that_are_no_files(person: Person) -> None:
    pipe = person.folder / "pipe"
    os.mkfifo(pipe)
    assert "not a regular file" in refused(person, pipe)
    assert "not a regular file" in refused(person, "/dev/zero")
    assert "is not there" in refused(person, person.folder / "none.pem")
    assert "is not there" in refused(person, "none.pem")
    assert "holds no .HA_VERSION" in refused(person, person.folder)
    loop = person.folder / "loop"
    loop.symlink_to(loop)
    refused(person, loop)


def test_a_folder_without_permission(person: Person, capfd: pytest.CaptureFixture[str]) -> None:
    require(os.geteuid() == 0, "becoming another user takes root")
    closed = person.folder / "closed"
    closed.mkdir(mode=0o700)
    (closed / ".HA_VERSION").write_text("2024.3.3")
    (closed / "chain.pem").write_bytes(CERTIFICATE)
    for folder in (person.folder, *person.folder.parents[:-1]):  # but not this one
        folder.chmod(folder.stat().st_mode | 0o011)
    _exit_code(["check", str(closed / "chain.pem"), "--json"])  # as long as modules can be loaded
    capfd.readouterr()
    os.seteuid(12345)
    try:
        for target in (closed, closed / "chain.pem"):
            assert _exit_code(["check", str(target)]) == 3
            error, hint = capfd.readouterr().err.splitlines()
            assert error == f"error: {target}: this user has no permission to do that"
            assert "run housekey as the user that owns the folder" in hint
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("under_score.lan", "underscore"),
        ("ha..lan", "two dots"),
        ("ha lan", "blank"),
        ("*.ha.lan", "stands for many hosts"),
        ("300.1.1.1:443", "ends in a number"),
        ("ha.lan:0", "0 is not a port"),
        ("ha.lan:99999", "99999 is not a port"),
        ("[::1", "'[::1'"),
        ("[::g]:443", "IPv6"),
        ("http://ha.lan:8123", "is not an https:// address"),
        ("ftp://ha.lan", "is not an https:// address"),
        ("https://", "is not an https:// address"),
        ("https://[::1", "is not an address"),
        ("https://me:secret@ha.lan", "needs no user name or password"),
        ("a" * 300, "characters"),
    ],
)
def test_a_target_that_is_none(person: Person, target: str, words: str) -> None:
    said = refused(person, target, code=2)
    assert words in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--name", "ha..lan"], "two dots"),
        (["--at", "tomorrow"], "is not a time"),
        (["--at", "0001-01-01T00:00+14:00"], "is not a time"),
        (["--platform", "amiga"], "'amiga' is not one of"),
        (["--fix"], "--fix is for the folder of a Home Assistant"),
    ],
)
def test_an_option_that_cannot_be_meant(person: Person, option: list[str], words: str) -> None:
    file = person.folder / "chain.pem"
    file.write_bytes(CERTIFICATE)
    assert words in refused(person, file, *option, code=2)


def test_nothing_to_check(person: Person) -> None:
    assert "there is nothing to check" in refused(person, code=2)


def test_a_certificate_without_any_name_asks_for_one(person: Person) -> None:
    file = person.folder / "issuing.pem"
    file.write_bytes(CERTIFICATE)  # its common name is free text
    assert "holds no name that a client could ask for" in refused(person, file)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (silent, "accepts the connection, and then says nothing"),
        (saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "speaks plain HTTP"),
        (saying(b"SSH-2.0-OpenSSH_9.2p1\r\n", first=True), "SSH-2.0-OpenSSH_9.2p1"),
        (saying(b"220 mail.lan ESMTP\r\n", first=True), "220 mail.lan ESMTP"),
    ],
    ids=["silent", "plain HTTP", "SSH", "mail"],
)
def test_a_server_that_is_none(
    person: Person, answer: Callable[[socket.socket], None], words: str
) -> None:
    with serving(answer) as port:
        assert words in refused(person, f"127.0.0.1:{port}")
        assert words in refused(person, f"https://localhost:{port}/lovelace")


def test_a_server_that_is_not_there(person: Person) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        assert "connection refused" in refused(person, f"127.0.0.1:{port}")
    assert "does not resolve on this computer" in refused(person, "no-such-host.invalid")


def test_what_is_waited_for_leaves_time_for_the_rest() -> None:
    """The bound holds by what is waited for; the time a run takes says how busy a machine is."""
    assert FIRST_ROUND_SECONDS <= LIMIT - 1


def test_a_host_that_drops_what_is_sent_to_it(person: Person) -> None:
    """A listener whose queue is full answers no further connection, like a packet filter."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        with contextlib.ExitStack() as held:
            for _ in range(4):
                filler = held.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
            time.sleep(0.2)
            assert "no answer in time" in refused(person, f"127.0.0.1:{port}")
