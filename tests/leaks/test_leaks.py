"""Keys, recovery code, passphrases and tokens are in nothing that housekey writes.

Each command that handles a secret is run, and runs into an error with `-vv`; then everything is
searched: what it printed, what its processes showed to other users of the machine, and every file
that is not one of those that keep a secret. `test_a_planted_secret_is_found` is the control.
"""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from housekey.house.recovery import RecoveryCode
from housekey.pki.keys import PrivateKey
from tests.faults.stand_in import TOKEN as STAND_INS_TOKEN
from tests.faults.stand_in import StandIn, free_port, furnish
from tests.homes.home import Home  # noqa: TC001 - of a fixture
from tests.leaks.needles import Needles
from tests.leaks.watching import Seen, watched
from tests.own.authorities import Ca, p12, pem
from tests.public.duckdns_stand_in import DuckDnsStandIn, duckdns_certificate
from tests.public.knot import Knot, free_address
from tests.public.pebble import Pebble

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.conftest import NewHome

PASSPHRASE = b"a passphrase of nobody 7f3a"
TOKEN = b"eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJ0ZXN0In0." + base64.urlsafe_b64encode(bytes(range(32)))
# The files that are there to keep a secret, by their names; everything else is searched.
KEEPS_A_SECRET = (
    "privkey.pem", "privkey.previous.pem", "issuing.key", "proving.key", "token", "*.secret",
    "nas.key", "dns.json", "account.key",
)  # fmt: skip


@dataclass
class Keeper:
    """Somebody with a house and secrets; runs commands, and knows what must not be found."""

    folder: Path
    needles: Needles = field(default_factory=Needles)
    seen: list[Seen] = field(default_factory=list)
    codes: list[RecoveryCode] = field(default_factory=list)

    @property
    def house(self) -> Path:
        return self.folder / "house"

    def file(self, name: str, content: bytes) -> Path:
        """A file of the user's that holds a secret."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_bytes(content + b"\n")
        return path

    def run(
        self,
        *arguments: str | Path,
        code: int | None = 0,
        shows_code: bool = False,
        **how: object,
    ) -> Seen:
        """Run a command; where it is to show a new code, that is taken out of what is searched."""
        more: Mapping[str, str] = how.pop("env", {})  # type: ignore[assignment]
        env = {"HOUSEKEY_HOUSE": str(self.house), **more}
        done = watched(*arguments, env=env, **how)  # type: ignore[arg-type]
        if code is not None:
            assert done.code == code, (done.command, done.out, done.err)
        if shows_code:
            self._take_out_the_code(done)
        self.seen.append(done)
        self.learn_keys()
        return done

    def _take_out_the_code(self, done: Seen) -> None:
        if "--json" in done.command:
            text = json.loads(done.out)["recovery_code"]
        else:
            (line,) = [each for each in done.out.splitlines() if b"recovery code: " in each]
            text = line.rpartition(b": ")[2].decode()
        code = RecoveryCode.parse(text)
        assert done.out.count(text.encode()) == 1  # shown once
        done.out = done.out.replace(text.encode(), b"")
        self.codes.append(code)
        self.needles.code(f"recovery code {len(self.codes)}", code)

    def learn_keys(self) -> None:
        """Every private key that lies in the folder now becomes something to search for."""
        for path in sorted(self.folder.rglob("*")):
            if not path.is_file():
                continue
            content = path.read_bytes()
            if b"PRIVATE KEY-----" not in content or self._known.get(path) == content:
                continue
            self._known[path] = content
            name = str(path.relative_to(self.folder))
            if path.name == "root.key.sealed":
                for code in self.codes:
                    with_code = code.secret.reveal()
                    try:
                        self.needles.key(f"the root's key ({name})", content, with_code)
                    except ValueError:
                        continue  # sealed with another code
            elif b"ENCRYPTED" not in content:
                with contextlib.suppress(ValueError):  # damaged by a test
                    self.needles.key(name, content)

    _known: dict[Path, bytes] = field(default_factory=dict)

    def found(self) -> list[str]:
        """Everything that was found where it must not be."""
        found = []
        for done in self.seen:
            for where, content in done.everything().items():
                found += [f"{done.command}: {what} in {where}" for what in self._in(content)]
        for path in sorted(self.folder.rglob("*")):
            if not path.is_file() or any(path.match(each) for each in KEEPS_A_SECRET):
                continue
            # What is no text holds short words by chance.
            words = b"\0" not in (content := path.read_bytes())
            name = path.relative_to(self.folder)
            found += [f"{what} in {name}" for what in self._in(content, words=words)]
        return found

    def _in(self, content: bytes, *, words: bool = True) -> Iterator[str]:
        return self.needles.found_in(content, words=words)


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    made = Keeper(tmp_path)
    made.needles.text("the passphrase", PASSPHRASE)
    made.needles.text("the token", TOKEN)
    return made


def test_no_command_about_a_house_lets_a_secret_out(keeper: Keeper) -> None:
    run, folder, house = keeper.run, keeper.folder, keeper.house
    passphrase = keeper.file("passphrase.secret", PASSPHRASE)
    run("cert", "new", "nas.lan", "--yes", shows_code=True)
    code = keeper.file("code.secret", keeper.codes[0].text.encode())
    run("cert", "new", "tv.lan", "--key", "rsa-2048", "--json", "--out", folder / "tv")
    run("cert", "new", "own.lan", "--self-signed", "-vv")
    looks: list[tuple[str | Path, ...]] = [
        ("cert", "list"), ("cert", "show", "tv.lan"), ("status",), ("house", "show"),
        ("house", "check"), ("renew", "tv.lan", "--all"), ("ledger", "export"),
        ("cert", "revoke", "nas.lan", "--reason=key-compromise"), ("ledger", "rebuild"),
        ("pem", "show", folder / "tv" / "privkey.pem"),
        ("pem", "match", folder / "tv" / "certificate.pem", folder / "tv" / "privkey.pem"),
    ]  # fmt: skip
    for number, command in enumerate(looks):
        run(*command, *(("--json", "-vv") if number % 2 else ()), code=None)
    run("ledger", "export", "--out", folder / "ledger.jsonl", code=None)
    run("pem", "csr", "cam.lan", "--key-out", folder / "nas.key", "--out", folder / "cam.csr")
    run(
        "pem", "key", folder / "nas.key", "--lock", "--new-passphrase-file", passphrase,
        "--out", folder / "locked.pem",
    )  # fmt: skip
    run("house", "backup", folder / "backup", "--passphrase-file", passphrase, "-vv")
    run(
        "house", "backup", folder / "backup-2", "--with-recovery-code", "--json",
        "--recovery-code-file", code,
    )  # fmt: skip
    run(
        "house", "restore", folder / "backup", "--passphrase-file", passphrase,
        "--house", folder / "again", "--json", "-vv",
    )  # fmt: skip
    run("house", "recover", "--recovery-code-file", code, "--yes", "-vv")
    run("house", "rotate", "--recovery-code-file", code, "--yes", "--json", shows_code=True)
    second = keeper.file("code-2.secret", keeper.codes[1].text.encode())
    run("renew", "--json")
    run("house", "rotate", "--finish", "--yes")
    # Through standard input, as a program would hand it over.
    run(
        "house", "recover", "--recovery-code-file", "-", "--yes", "--json",
        stdin=second.read_bytes(),
    )  # fmt: skip
    run("house", "recover", "--recovery-code-file", second, "--leaked", "--yes", "-vv", code=None)
    run("house", "rotate", "--lost-code", "--yes", "-vv", shows_code=True)
    run("house", "rotate", "--abort", "--yes", "--json")
    run("house", "rotate", "--leaked", "--yes", "--json", "-vv", shows_code=True)
    share = ("share", "--bind=127.0.0.1", *_ports())
    run(*share, "-vv", code=None, stop_at=b"waiting")
    run("run", *share[1:], "-vv", code=None, stop_at=b"page ")
    assert len(keeper.codes) == 4
    assert keeper.found() == []
    _print(keeper)
    assert house.stat().st_mode & 0o077 == 0


def test_no_error_lets_a_secret_out(keeper: Keeper) -> None:
    run, folder, house = keeper.run, keeper.folder, keeper.house
    run("cert", "new", "nas.lan", "--json", shows_code=True)
    code = keeper.codes[0].text
    stranger = RecoveryCode.generate()
    keeper.codes.append(stranger)
    keeper.needles.code("a code of another house", stranger)
    wrong = keeper.file("wrong.secret", stranger.text.encode())
    typo = keeper.file("typo.secret", f"{'B' if code[0] == 'A' else 'A'}{code[1:]}".encode())
    passphrase = keeper.file("passphrase.secret", PASSPHRASE)
    token = keeper.file("token.secret", TOKEN)
    run("house", "backup", folder / "backup", "--passphrase-file", passphrase)
    for given in (wrong, typo):
        with_code: list[tuple[str | Path, ...]] = [
            ("house", "recover", "--yes"), ("house", "rotate", "--yes"),
            ("house", "backup", folder / "b", "--with-recovery-code"),
        ]  # fmt: skip
        for command in with_code:
            more = ("-vv",) if given is wrong else ("--json", "-vv")
            done = run(*command, "--recovery-code-file", given, *more, code=None)
            assert done.code != 0, done
    run(
        "house", "restore", folder / "backup", "--house", folder / "c", "-vv",
        "--passphrase-file", wrong, code=None,
    )  # fmt: skip
    # A Home Assistant that does not answer, and a token for it.
    at = ("--config", folder, "--url", "http://127.0.0.1:9", "--token-file", token)
    for word in ("secure", "undo", "renew"):
        for more in (("-vv", "--yes"), ("--json", "--yes")):
            run(word, *at, *more, code=None)
    key = house / "leaves" / "nas.lan" / "privkey.pem"
    pem = key.read_bytes()
    certificate = house / "leaves" / "nas.lan" / "certificate.pem"
    # A key in the place of everything else.
    misplaced: list[tuple[str | Path, ...]] = [
        ("pem", "show", key), ("pem", "sign", key), ("pem", "verify", key), ("check", key),
        ("pem", "convert", key, "--to", "pkcs12", "--out", folder / "x.p12"),
        ("trust", "--from", "http://127.0.0.1:9"),
    ]  # fmt: skip
    for command in misplaced:
        run(*command, "-vv", code=None)
    # And damaged, open to others, of another certificate.
    for damage in (pem[:-60], b"\xff" + pem.replace(b"M", b"N", 2)):
        key.write_bytes(damage)
        for words in ("cert list", "renew --all", "house check", "status"):
            run(*words.split(), "-vv", code=None)
    key.write_bytes(pem)
    for path in (key, house / "issuing.key"):
        path.chmod(0o644)
        run("cert", "new", "other.lan", "-vv", code=None)
        path.chmod(0o600)
    certificate.write_bytes(pem)
    run("cert", "list", "-vv", code=None)
    certificate.unlink()
    (house / "issuing.key").write_bytes(pem[: len(pem) // 2])
    run("cert", "new", "other.lan", "-vv", code=3)
    assert any(b"Traceback" in done.err for done in keeper.seen)
    assert keeper.found() == []
    _print(keeper)


def test_no_command_about_home_assistant_lets_a_secret_out(
    keeper: Keeper, home_2026_11: NewHome
) -> None:
    home: Home = home_2026_11()
    keeper.needles.text("Home Assistant's token", home.token.encode())
    token = keeper.file("ha.secret", home.token.encode())
    at = ("--config", home.config, "--token-file", token)
    run = keeper.run
    run("secure", *at, "--dry-run", "-vv", code=None)
    run("secure", *at, "--yes", "--json", "--remember", "-vv", shows_code=True)
    run("status", "--json", code=None)
    run("secure", *at, "--yes")
    run("renew", "--all", "--now", "--config", home.config, "-vv")
    first = presented(home)
    run("cert", "revoke", "home-assistant", "--reason=key-compromise", "--json", "-vv")
    assert presented(home) == first
    run("renew", "--now", "--config", home.config, "--json", "-vv")
    # Beside the secrets: what is presented now has another key than what was revoked.
    second = presented(home)
    assert second.public_key() != first.public_key()
    crl = x509.load_der_x509_crl((keeper.house / "crl.der").read_bytes())
    assert crl.get_revoked_certificate_by_serial_number(first.serial_number) is not None
    assert crl.get_revoked_certificate_by_serial_number(second.serial_number) is None
    run("check", home.config, "--json", code=None)
    run("undo", *at, "--yes", "-vv")
    assert keeper.found() == []
    logs = [path for path in home.config.rglob("*.log*") if path.is_file()]
    assert logs
    log = b"".join(path.read_bytes() for path in logs)
    assert list(keeper.needles.found_in(log)) == []
    _print(keeper)


def test_no_command_about_a_public_name_lets_a_secret_out(
    keeper: Keeper, home_2026_7: NewHome
) -> None:
    """DuckDNS takes its token in the address that is asked: whoever tells an address tells it."""
    home: Home = home_2026_7()
    token, wrong = "c0ffee00-7357-4a5b-8c1d-0123456789ab", "0badc0de-7357-4a5b-8c1d-fedcba987654"
    keeper.needles.text("Home Assistant's token", home.token.encode())
    keeper.needles.text("DuckDNS's token", token.encode())
    keeper.needles.text("a wrong token", wrong.encode())
    ha = keeper.file("ha.secret", home.token.encode())
    right, other = (
        keeper.file(f"{name}.secret", f"auth_token = {text}".encode())
        for name, text in (("right", token), ("other", wrong))
    )
    name = "myhome.duckdns.org"
    address = free_address()
    served = f"www A {address}\nmyhome A 127.0.0.1"
    pair, roots = duckdns_certificate(keeper.folder / "duckdns"), keeper.folder / "acme.pem"
    with (
        Knot(zones={"duckdns.org": served}) as knot,
        Pebble(dns=(knot.address, knot.port)) as ca,
        DuckDnsStandIn(
            token, ("myhome",), dns=knot, address=address, port=443, certificate=pair
        ) as duckdns,
    ):
        roots.write_text(ca.roots_pem())
        at = ("--config", home.config, "--token-file", ha)
        road = (
            "--public", name, "--dns", "duckdns", "--agree-tos", "--yes",
            "--acme-directory", ca.directory, "--acme-root", roots,
        )  # fmt: skip
        how: dict[str, Any] = {
            "inside": knot.seen_by(),
            "env": {"REQUESTS_CA_BUNDLE": str(pair)},
        }

        def secure(credentials: Path, *more: str, code: int | None) -> None:
            given = ("--dns-credentials", credentials)
            keeper.run("secure", *at, *road, *given, *more, code=code, **how)

        secure(other, "-vv", code=3)
        duckdns.says = (500, b"no")
        secure(right, "-vv", "--json", code=3)
        duckdns.says = None
        secure(right, "-vv", "--json", code=0)
        names = presented(home).extensions.get_extension_for_class(x509.SubjectAlternativeName)
        assert names.value.get_values_for_type(x509.DNSName) == [name]
        keeper.run("status", "-vv", code=None, **how)
        keeper.run("house", "check", "--json", code=None, **how)
        keeper.run("renew", "--all", "--now", *at, "-vv", code=None, **how)
        duckdns.says = (500, b"no")
        keeper.run("renew", "--all", "--now", *at, "-vv", code=None, **how)
        (keeper.house / "public" / "dns.json").write_text(f'{{"version": 1, "x": "{token}')
        keeper.run("renew", "--all", "--now", *at, "-vv", code=None, **how)
        asked = [request["token"] for request in duckdns.requests]
        assert {token, wrong} == set(asked)
    sys.stdout.write(f"\nDuckDNS was asked {len(asked)} times\n")
    assert any(b"Traceback" in done.err for done in keeper.seen)
    assert keeper.found() == []
    log = b"".join(path.read_bytes() for path in home.config.rglob("*.log*") if path.is_file())
    assert list(keeper.needles.found_in(log)) == []
    _print(keeper)


def test_neither_an_account_with_a_ca_nor_a_key_for_the_dns_is_let_out(keeper: Keeper) -> None:
    """On the whole road of a public name, and where it fails; with -vv throughout."""
    folder, port = keeper.folder, free_port()
    home = StandIn(folder / "config", "trial", port)
    furnish(home.folder, "trial", port)
    hmac = base64.urlsafe_b64encode(bytes(range(100, 132))).rstrip(b"=")
    with (
        Knot(zones={"home.test": "ha A 127.0.0.1"}) as dns,
        Pebble(dns=(dns.address, dns.port), eab={"kid-1": hmac.decode()}) as ca,
        home,
    ):
        home.start()
        needles = keeper.needles
        needles.text("the key for the account", hmac)
        for what, options in (("DNS", dns.credentials), ("wrong DNS", dns.wrong_credentials)):
            secret = options["auth_token"].rpartition(":")[2].encode()
            needles.text(f"the {what} credentials", secret)
        token = keeper.file("ha.secret", STAND_INS_TOKEN.encode())
        at = ("--config", home.folder, "--token-file", token, "--wait", "20")
        root = folder / "ca.pem"
        root.write_text(ca.roots_pem())

        def told(options: dict[str, str]) -> bytes:
            return "\n".join(f"{name} = {value}" for name, value in options.items()).encode()

        def secure(*more: str | Path, code: int | None = 0, shows_code: bool = False) -> None:
            road = ("--public", "ha.home.test", "--dns", "ddns", "--agree-tos")
            by = ("--acme-directory", ca.directory, "--acme-root", root, "--eab-kid", "kid-1")
            eab = ("--eab-hmac-file", keeper.file("hmac.secret", hmac))
            keeper.run(
                "secure", *at, *road, *by, *eab, "--yes", "--json", "-vv", *more,
                code=code, shows_code=shows_code, inside=dns.seen_by(),
            )  # fmt: skip
            home.settle()

        wrong = keeper.file("wrong.secret", told(dns.wrong_credentials))
        secure("--dns-credentials", wrong, code=3, shows_code=True)
        secure("--dns-credentials", keeper.file("no.secret", hmac), code=2)
        secure("--dns-credentials", keeper.file("dns.secret", told(dns.credentials)))
        keeper.run("ledger", "export", "-vv")
        ca.die()
        keeper.run("renew", "--all", "--now", *at, "-vv", code=1, inside=dns.seen_by())
        (keeper.house / "public" / "dns.json").write_bytes(hmac)
        keeper.run("renew", "--all", "--now", *at, "-vv", code=1, inside=dns.seen_by())
    assert keeper.found() == []
    _print(keeper)


def test_no_command_about_a_ca_of_ones_own_lets_a_secret_out(keeper: Keeper) -> None:
    """Its owner may hand over more than is wanted: a key, or all of it in a locked PKCS#12."""
    folder, house = keeper.folder, keeper.house
    home = StandIn(folder / "config", "trial", free_port())
    furnish(home.folder, "trial", home.port)
    token = keeper.file("ha.secret", STAND_INS_TOKEN.encode())
    passphrase = keeper.file("passphrase.secret", PASSPHRASE)
    wrong = keeper.file("wrong.secret", PASSPHRASE[::-1])
    keeper.needles.text("a wrong passphrase", PASSPHRASE[::-1])
    at = ("--config", home.folder, "--token-file", token, "--wait", "20")

    def secure(*more: str | Path, code: int | None = 0, shows_code: bool = False) -> None:
        keeper.run("secure", *at, "--yes", "--json", "-vv", *more, code=code, shows_code=shows_code)
        home.settle()

    with home:
        home.start()
        secure("--csr", folder / "home.csr", shows_code=True)
        secure("--csr", folder / "home.csr", "--new-key")
        key = house / "request" / "privkey.pem"
        root = Ca.root()
        issuing = root.below()
        leaf = issuing.sign(x509.load_pem_x509_csr((folder / "home.csr").read_bytes()))
        own = load_pem_private_key(key.read_bytes(), None)
        assert isinstance(own, ec.EllipticCurvePrivateKey)
        above = [issuing.certificate, root.certificate]
        locked, whole = folder / "home.p12", folder / "chain.crt"
        locked.write_bytes(p12(own, leaf, *above, passphrase=PASSPHRASE))
        whole.write_bytes(pem(leaf, *above))
        secure("--install", key, code=None)
        secure("--install", locked, "--passphrase-file", wrong, code=None)
        secure("--install", locked, "--passphrase-file", passphrase)
        secure("--install", whole)
        looks = ("status", "house check", "ledger export", "renew --all", "renew --all --now")
        for words in looks:
            keeper.run(*words.split(), "-vv", code=None)
        keeper.run("cert", "revoke", "home-assistant", "--yes", "-vv", code=None)
        keeper.run("house", "backup", folder / "backup", "--passphrase-file", passphrase, "-vv")
        key.write_bytes(key.read_bytes()[:90])
        secure("--csr", folder / "home.csr", code=None)
        keeper.run("undo", *at, "--yes", "-vv", code=None)
    assert any(b"Traceback" in done.err for done in keeper.seen)
    assert keeper.found() == []
    _print(keeper)


def presented(home: Home) -> x509.Certificate:
    pem = ssl.get_server_certificate(("127.0.0.1", home.port))
    return x509.load_pem_x509_certificate(pem.encode())


# The control


@pytest.mark.parametrize(
    "plant",
    [
        "a line of a key", "its number in hex", "its number in decimal", "its bytes", "repr",
        "a key in JSON", "a key as DER in base64", "the code", "the code without dashes",
        "the code in small letters", "a group of the code", "the token", "a part of the token",
        "the root's key",
    ],
)  # fmt: skip
def test_a_planted_secret_is_found(keeper: Keeper, plant: str) -> None:
    from housekey.cli.output import now  # noqa: PLC0415
    from housekey.house.files import Files  # noqa: PLC0415
    from housekey.house.house import prepare_house  # noqa: PLC0415
    from housekey.pki.subject import Subject  # noqa: PLC0415

    new = prepare_house(names=(), subject=Subject("root"), clock=now)
    new.write(keeper.house, Files()).close()
    keeper.codes.append(new.recovery_code)
    keeper.needles.code("the code", new.recovery_code)
    keeper.learn_keys()
    pem = (keeper.house / "issuing.key").read_bytes()
    key = PrivateKey.from_pem(pem).signing_key
    number = key.private_numbers().private_value  # type: ignore[union-attr]
    raw = number.to_bytes(32, "big")
    sealed = (keeper.house / "root.key.sealed").read_bytes()
    root = PrivateKey.from_pem(sealed, new.recovery_code.secret)
    code = new.recovery_code.text
    planted = {
        "a line of a key": pem.splitlines()[2],
        "its number in hex": f"private_value={number:x}".encode(),
        "its number in decimal": str(number).encode(),
        "its bytes": b"\0\1" + raw + b"\2",
        "repr": repr(raw).encode(),
        "a key in JSON": json.dumps({"key": pem.decode()}).encode(),
        "a key as DER in base64": b"".join(pem.splitlines()[1:-1]),
        "the code": code.encode(),
        "the code without dashes": code.replace("-", "").encode(),
        "the code in small letters": f"code={code.lower()};".encode(),
        "a group of the code": f"begins with {code.split('-')[0]}".encode(),
        "the token": b"Authorization: Bearer " + TOKEN,
        "a part of the token": b"..." + TOKEN.split(b".")[2],
        "the root's key": root.to_pem().reveal(),
    }[plant]
    clean = keeper.found()
    assert clean == []
    (keeper.folder / "home-assistant.log").write_bytes(b"2026-11-29 something\n" + planted)
    (keeper.folder / "other.log").write_bytes(b"nothing here")
    found = keeper.found()
    assert found
    assert all("home-assistant.log" in each for each in found)


def test_a_secret_in_a_command_line_and_in_an_environment_is_found(keeper: Keeper) -> None:
    keeper.run("cert", "list", TOKEN.decode(), code=None)
    assert any("/cmdline" in each for each in keeper.found())
    keeper.seen.clear()
    done = watched("--version", env={"OTHER": TOKEN.decode()})
    keeper.seen.append(done)
    assert any("/environ" in each for each in keeper.found())


def _ports() -> tuple[str, str]:
    from demo.instance import free_port  # noqa: PLC0415

    return f"--port={free_port()}", f"--proof-port={free_port()}"


def _print(keeper: Keeper) -> None:
    files = sum(path.is_file() for path in keeper.folder.rglob("*"))
    processes = len({pid for done in keeper.seen for pid, _ in done.processes})
    sys.stdout.write(
        f"\n{len(keeper.seen)} commands, {processes} processes, {files} files searched for"
        f" {len(keeper.needles.every)} forms of secrets: nothing\n"
    )
