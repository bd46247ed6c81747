"""Let's Encrypt's own test server (Debian: pebble), on loopback, with an HTTPS certificate of ours.

    with Pebble(dns=(host, port)) as ca:
        ca.directory, ca.roots_pem(), ca.orders

It ends with the `with` block, or with this process. `roots_pem` is what `--acme-root` takes: the
root of its HTTPS and the one that it signs with, which it makes anew at each start.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from demo.instance import free_port
from tests.public.at_work import HOST, AtWork

if TYPE_CHECKING:
    from collections.abc import Mapping

TERMS = "data:text/plain,Do%20what%20thou%20wilt"


class Pebble(AtWork):
    """One CA; it forgets everything when it ends.

    `dns`: where it looks records up; without it every proof is valid unseen. `nonce_reject` and
    `authz_reuse`: in percent. `sleep`: up to so many seconds before it looks at a record.
    `eab`: keys (base64url) by key id, without which nobody is registered. `seconds`: that
    certificates are good for.
    """

    program = "pebble"

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
        super().__init__()
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

    def status_of(self, certificate: x509.Certificate) -> str:
        """`Valid` or `Revoked`."""
        answer = self.managed(f"cert-status-by-serial/{certificate.serial_number:x}")
        return str(json.loads(answer)["Status"])

    def managed(self, path: str) -> str:
        """Ask its management interface."""
        return self.fetch(f"https://{HOST}:{self._management}/{path}")

    def answers(self) -> None:
        """Both of its interfaces do."""
        self.issuing_root_pem()
        super().answers()

    def command(self) -> list[str]:
        """As Debian starts it, with a configuration of ours."""
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
        command = ["pebble", "-config", str(self._folder / "config.json")]
        command += [f"-strict={str(self._strict).lower()}"]
        if self._dns is not None:
            command += ["-dnsserver", "{}:{}".format(*self._dns)]
        return command


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
