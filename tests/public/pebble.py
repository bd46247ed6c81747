"""Let's Encrypt's own test server (Debian: pebble), on loopback, with an HTTPS certificate of ours.

    with Pebble(dns=(host, port)) as ca:
        ca.directory, ca.roots_pem(), ca.orders

It ends with the `with` block, or with this process. `roots_pem` is what `--acme-root` takes: the
root of its HTTPS and the one that it signs with, which it makes anew at each start.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from demo.instance import free_port
from tests.needs import require

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST = "127.0.0.1"
SECONDS = 60.0  # within which it starts; usually half a one
_STARTS = 3  # another program may take a port that was free
TERMS = "data:text/plain,Do%20what%20thou%20wilt"


class Pebble:
    """One CA.

    `dns`: where it looks records up; without it every proof is valid unseen. `nonce_reject` and
    `authz_reuse`: in percent. `sleep`: up to so many seconds before it looks at a record.
    `eab`: keys (base64url) by key id, without which nobody is registered. `seconds`: that
    certificates are good for.
    """

    def __init__(
        self,
        *,
        dns: tuple[str, int] | None = None,
        nonce_reject: int = 0,
        authz_reuse: int = 0,
        sleep: int = 0,
        eab: Mapping[str, str] | None = None,
        seconds: int = 90 * 86400,
        chain_length: int = 1,
        strict: bool = True,
    ) -> None:
        require(shutil.which("pebble") is not None, "pebble (Debian: pebble)")
        require(shutil.which("setpriv") is not None, "setpriv")
        self._dns = dns
        self._strict = strict
        self._eab = dict(eab or {})
        self._seconds = seconds
        self._environment = {
            "PEBBLE_WFE_NONCEREJECT": str(nonce_reject),
            "PEBBLE_AUTHZREUSE": str(authz_reuse),
            "PEBBLE_CHAIN_LENGTH": str(chain_length),
            **({"PEBBLE_VA_SLEEPTIME": str(sleep)} if sleep else {"PEBBLE_VA_NOSLEEP": "1"}),
            **({} if dns else {"PEBBLE_VA_ALWAYS_VALID": "1"}),
        }
        self._port = self._management = 0
        self._folder = Path()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        return self._port

    @property
    def directory(self) -> str:
        """The URL of the ACME directory."""
        return f"https://{HOST}:{self._port}/dir"

    @property
    def https_root_pem(self) -> str:
        """The root of its HTTPS certificate."""
        return https_files()[0]

    def issuing_root_pem(self) -> str:
        """The root that it signs with, until it is started again."""
        return str(self.managed("roots/0"))

    def roots_pem(self) -> str:
        """Both, as `--acme-root` takes them."""
        return self.https_root_pem + self.issuing_root_pem()

    @property
    def orders(self) -> int:
        """How many orders were made, by its own account."""
        return len(re.findall(r"Added order ", self.log))

    @property
    def certificates(self) -> int:
        """How many certificates were signed."""
        return len(re.findall(r"Issued certificate serial ", self.log))

    @property
    def accounts(self) -> int:
        """How many accounts were made."""
        return len(re.findall(r"accounts in memory", self.log))

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")

    def status_of(self, certificate: x509.Certificate) -> str:
        """`Valid` or `Revoked`."""
        answer = self.managed(f"cert-status-by-serial/{certificate.serial_number:x}")
        return str(json.loads(answer)["Status"])

    def managed(self, path: str) -> str:
        """Ask its management interface."""
        context = ssl.create_default_context(cadata=self.https_root_pem)
        url = f"https://{HOST}:{self._management}/{path}"
        with urllib.request.urlopen(url, context=context, timeout=SECONDS) as answer:
            return str(answer.read().decode())

    def die(self) -> None:
        """End it as a power cut would; it forgets everything."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def start(self) -> None:
        for attempt in range(_STARTS):
            self._run()
            if self._comes_up():
                return
            if attempt == _STARTS - 1:
                raise AssertionError(f"pebble does not start:\n{self.log}")
            self.die()

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="housekey-pebble-"))
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.die()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self) -> None:
        self._port, self._management = free_port(), free_port()
        _, certificate, key = https_files()
        (self._folder / "cert.pem").write_text(certificate)
        (self._folder / "key.pem").write_text(key)
        config: dict[str, Any] = {
            "listenAddress": f"{HOST}:{self._port}",
            "managementListenAddress": f"{HOST}:{self._management}",
            "certificate": str(self._folder / "cert.pem"),
            "privateKey": str(self._folder / "key.pem"),
            "httpPort": free_port(),
            "tlsPort": free_port(),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": bool(self._eab),
            "externalAccountMACKeys": self._eab,
            "certificateValidityPeriod": self._seconds,
        }
        (self._folder / "config.json").write_text(json.dumps({"pebble": config}))
        command = ["setpriv", "--pdeathsig", "KILL", "pebble", "-config"]
        command += [str(self._folder / "config.json"), f"-strict={str(self._strict).lower()}"]
        if self._dns is not None:
            command += ["-dnsserver", "{}:{}".format(*self._dns)]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **self._environment},
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _comes_up(self) -> bool:
        assert self._process is not None
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                self.issuing_root_pem()
                context = ssl.create_default_context(cadata=self.https_root_pem)
                urllib.request.urlopen(self.directory, context=context, timeout=SECONDS).close()
            except OSError:
                time.sleep(0.02)
            else:
                return True
        return False


@cache
def https_files() -> tuple[str, str, str]:
    """Return root, certificate and key for HTTPS on loopback; all in PEM."""
    now = datetime.now(UTC) - timedelta(hours=1)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root of a test CA's HTTPS")])
    root = (
        _builder(root_name, root_key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False
        )
        .add_extension(_USAGE, critical=True)
        .issuer_name(root_name)
        .sign(root_key, hashes.SHA256())
    )
    names = [x509.DNSName("localhost"), x509.IPAddress(IPv4Address(HOST))]
    leaf = (
        _builder(x509.Name([]), key, now)
        .add_extension(x509.SubjectAlternativeName(names), critical=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()),
            critical=False,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .issuer_name(root_name)
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (
        root.public_bytes(pem).decode(),
        leaf.public_bytes(pem).decode(),
        private.decode(),
    )


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=2))
    )


_USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
