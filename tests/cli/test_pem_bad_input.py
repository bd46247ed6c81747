"""`housekey pem` and what nobody should give it: two lines, exit code 3, soon, in little memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from shutil import which
from typing import TYPE_CHECKING

import pytest

from tests.command import COMMAND, environment, housekey
from tests.needs import require

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SECONDS = 5.0
MOST_KIB = 200 * 1024
TEN_MIB = 10 * 1024 * 1024


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str
    seconds: float
    peak_kib: int


def run(*arguments: str | Path, cwd: Path, before: Sequence[str] = ()) -> Ended:
    """Run a command, timed and weighed.

    The time is the processor's, spent on this command: the tests beside it may keep it waiting.
    """
    reader, writer = os.pipe()
    with os.fdopen(reader, encoding="ascii") as weighed:
        try:
            process = subprocess.Popen(
                [sys.executable, "-S", "-c", _WEIGH, str(writer), *before, *COMMAND]
                + [str(each) for each in arguments],
                cwd=cwd,
                env=environment(HOUSEKEY_HOUSE=str(cwd / "house")),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                pass_fds=(writer,),
                start_new_session=True,
            )
        finally:
            os.close(writer)
        killer = threading.Timer(60, os.killpg, (process.pid, signal.SIGKILL))
        killer.start()
        out, err = process.communicate()
        killer.cancel()
        code, seconds, peak_kib = weighed.read().split()
    return Ended(int(code), out, err, float(seconds), int(peak_kib))


# A process of its own in between: exec hands down as ru_maxrss what the caller held, and a worker
# of pytest holds more than the command may.
_WEIGH = """
import os, sys
child = os.spawnvp(os.P_NOWAIT, sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(child, 0)
code = os.waitstatus_to_exitcode(status)
report = f"{code} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss}"
os.write(int(sys.argv[1]), report.encode())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of bad files, and the good ones that they were made from."""
    require(which("openssl") is not None, "the openssl command")
    folder = tmp_path_factory.mktemp("bad")
    env = {"HOUSEKEY_HOUSE": str(folder / "house")}
    assert housekey("cert", "new", "ha.lan", "--yes", "--out", folder, env=env).code == 0
    chain = (folder / "certificate.pem").read_bytes()
    leaf = chain[: chain.index(b"-----END") + 26]
    for line in (
        "openssl pkey -in privkey.pem -aes256 -passout pass:x -out locked",
        "openssl ec -in privkey.pem -aes128 -passout pass:x -out locked-old-form",
        "openssl req -new -key privkey.pem -subj /CN=ha.lan -out request.csr",
        "openssl req -in request.csr -outform DER -out request.der",
        "openssl x509 -in certificate.pem -outform DER -out certificate.der",
        (
            "openssl pkcs12 -export -in certificate.pem -inkey privkey.pem -passout pass:x"
            " -out locked.p12"
        ),
    ):
        subprocess.run(line.split(), cwd=folder, check=True, capture_output=True)
    bad = {
        "empty": b"",
        "blank": b"\n\n  \n",
        "cut": leaf[:400],
        "cut-with-its-end": leaf[:300] + b"\n" + leaf[-26:],
        "no-begin": leaf[28:],
        "joined": leaf.rstrip() + leaf,
        "indented": b"    " + leaf.replace(b"\n", b"\n    "),
        "letters": leaf.replace(b"M", b"\xc3", 1),
        "swapped": leaf.replace(b"CERTIFICATE-----", b"PRIVATE KEY-----"),
        "utf-16": leaf.decode().encode("utf-16"),
        "cut.der": (folder / "certificate.der").read_bytes()[:200],
        "changed.csr": (folder / "request.der").read_bytes()[:-1] + b"\0",
        "cut.p12": (folder / "locked.p12").read_bytes()[:-40],
        "text": b"ssl_certificate: /ssl/fullchain.pem\n",
        "zeros": bytes(TEN_MIB),
        "begins": b"-----BEGIN CERTIFICATE-----\n" * (TEN_MIB // 28),
        "two-mib-of-begins": (b"-----BEGIN CERTIFICATE-----\n" * (1 << 17))[: 2 << 20],
        "two-mib-of-blocks": (
            b"-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n" * 35000
        )[: 2 << 20],
        "one-line": b"A" * TEN_MIB,
        "promises": b"\x30\x84\x7f\xff\xff\xff" + bytes(1000),
        "short-iv": b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
        b"DEK-Info: AES-128-CBC,0011223344556677\n\nMIIEpAIBAAKCAQEA\n"
        b"-----END RSA PRIVATE KEY-----\n",
    }
    for name, data in bad.items():
        (folder / name).write_bytes(data)
    (folder / "a-folder").mkdir()
    (folder / "passphrase").write_text("x\n")
    (folder / "passphrase").chmod(0o600)
    return folder


FILES = [
    "empty",
    "blank",
    "cut",
    "cut-with-its-end",
    "no-begin",
    "joined",
    "indented",
    "letters",
    "swapped",
    "utf-16",
    "cut.der",
    "cut.p12",
    "text",
    "zeros",
    "begins",
    "two-mib-of-begins",
    "two-mib-of-blocks",
    "one-line",
    "promises",
    "short-iv",
    "a-folder",
    "not-there",
    "locked",
    "locked-old-form",
    "locked.p12",
]


def two_lines(ended: Ended) -> tuple[str, str]:
    """The error and the hint of a command that has failed as it should."""
    assert ended.code == 3, ended
    assert ended.out == ""
    error, hint = ended.err.splitlines()
    assert error.startswith("error: ")
    assert hint.startswith("hint: ")
    assert "housekey itself failed" not in error
    assert ended.seconds < SECONDS, ended
    assert ended.peak_kib < MOST_KIB, ended
    return error, hint


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_cannot_be_read_is_two_lines_that_name_it(file: str, folder: Path) -> None:
    error, _ = two_lines(run("pem", "show", file, cwd=folder))
    assert file in error


@pytest.mark.parametrize(
    "command",
    [
        ["match", "{}", "privkey.pem"],
        ["verify", "{}", "--root", "house/root.pem"],
        ["verify", "certificate.pem", "--root", "{}"],
        ["convert", "{}", "--to", "pem", "--out", "new"],
        ["csr", "ha.lan", "--key", "{}"],
        ["csr", "--from", "{}", "--key", "privkey.pem"],
        ["sign", "{}"],
        ["sign", "--self-signed", "--name", "ha.lan", "--key", "{}"],
        ["key", "{}", "--public"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("file", ["cut", "joined", "zeros", "locked", "a-folder"])
def test_every_command_refuses_it_so(command: list[str], file: str, folder: Path) -> None:
    error, _ = two_lines(run("pem", *(each.format(file) for each in command), cwd=folder))
    assert file in error
    assert not (folder / "new").exists()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["verify", "privkey.pem", "--root", "house/root.pem"], "this is a private key, where a"),
        (["verify", "certificate.pem", "--root", "request.csr"], "this is a certificate request"),
        (["csr", "ha.lan", "--key", "certificate.pem"], "this is a certificate, where a private"),
        (["csr", "--from", "request.csr", "--key", "privkey.pem"], "where a certificate is meant"),
        (["sign", "certificate.pem"], "where a certificate request (CSR) is meant"),
        (["key", "request.csr", "--public"], "where a private key is meant"),
    ],
)
def test_one_thing_where_another_is_meant_is_called_by_its_name(
    command: list[str], said: str, folder: Path
) -> None:
    error, _ = two_lines(run("pem", *command, cwd=folder))
    assert said in error


@pytest.mark.parametrize("file", ["locked", "locked-old-form", "locked.p12"])
def test_a_locked_file_without_a_passphrase_says_how_to_give_one(file: str, folder: Path) -> None:
    error, hint = two_lines(run("pem", "show", file, cwd=folder))
    assert "locked with a passphrase" in error
    assert "--passphrase-file FILE" in hint


@pytest.mark.parametrize("file", ["locked", "locked-old-form", "locked.p12", "short-iv"])
def test_a_wrong_passphrase_is_two_lines_without_the_passphrase(file: str, folder: Path) -> None:
    (folder / "wrong").write_text("opensesame")
    (folder / "wrong").chmod(0o600)
    ended = run("pem", "show", file, "--passphrase-file", "wrong", cwd=folder)
    two_lines(ended)
    assert "opensesame" not in ended.err


def test_a_panic_of_the_parser_is_two_lines(folder: Path) -> None:
    """cryptography 50 panics at an IV that is too short: no `Exception`, and a page of Rust."""
    ended = run("pem", "show", "short-iv", "--passphrase-file", "passphrase", cwd=folder)
    error, _ = two_lines(ended)
    assert "DEK-Info" in error


def test_a_passphrase_that_would_be_stretched_for_hours_is_refused(folder: Path) -> None:
    locked = subprocess.run(
        [
            "openssl",
            "pkcs8",
            "-topk8",
            "-in",
            "privkey.pem",
            "-passout",
            "pass:x",
            "-iter",
            "2048",
            "-outform",
            "DER",
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    ).stdout
    # INTEGER 2048 becomes INTEGER 2^31 - 1; the lengths of all that is around it grow by two.
    at = locked.index(b"\x02\x02\x08\x00")
    slow = bytearray(locked[:at] + b"\x02\x04\x7f\xff\xff\xff" + locked[at + 4 :])
    slow[2] += 2  # the outermost: 30 81 length
    opening = 3
    while opening < at:
        end = opening + 2 + locked[opening + 1]
        if locked[opening] == 0x30 and at < end:
            slow[opening + 1] += 2
            opening += 2
        else:
            opening = end
    (folder / "slow.der").write_bytes(slow)
    error, _ = two_lines(
        run("pem", "show", "slow.der", "--passphrase-file", "passphrase", cwd=folder)
    )
    assert "minutes" in error


def test_a_folder_or_file_that_may_not_be_read_is_two_lines(folder: Path) -> None:
    """root may read everything, and so gives up that right here."""
    before: tuple[str, ...] = ()
    if os.geteuid() == 0:
        require(which("setpriv") is not None, "setpriv, to give up root's rights over files")
        rights = "-dac_override,-dac_read_search"
        before = ("setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}")
    closed = folder / "closed"
    closed.mkdir(exist_ok=True)
    (closed / "certificate.pem").write_bytes((folder / "certificate.pem").read_bytes())
    (folder / "closed.pem").write_bytes((folder / "certificate.pem").read_bytes())
    closed.chmod(0)
    (folder / "closed.pem").chmod(0)
    try:
        for file in ("closed/certificate.pem", "closed.pem"):
            error, _ = two_lines(run("pem", "show", file, cwd=folder, before=before))
            assert "no permission" in error
            assert file in error
        convert = ["convert", "certificate.pem", "--to", "pem", "--out", "closed/new.pem"]
        error, _ = two_lines(run("pem", *convert, cwd=folder, before=before))
        assert "no permission" in error
    finally:
        closed.chmod(0o700)


def test_one_bad_block_does_not_hide_the_good_ones(folder: Path) -> None:
    good = (folder / "certificate.pem").read_bytes()
    (folder / "mixed").write_bytes(good + (folder / "cut-with-its-end").read_bytes())
    ended = run("pem", "show", "mixed", cwd=folder)
    assert ended.code == 1
    assert ended.err == ""
    assert ended.out.count("SHA-256") == 2
    assert "problem   the certificate is damaged or cut short" in ended.out
