"""CAs that people have: made by the real programs, and small ones of our own that can be wrong.

Each signs the request that housekey wrote, as its owner would.
"""

from __future__ import annotations

import datetime as dt
import os
import subprocess
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    pkcs7,
    pkcs12,
)
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

EASYRSA = "/usr/share/easy-rsa/easyrsa"
_DAY = dt.timedelta(days=1)


# --- by the real programs ---


@dataclass(frozen=True, slots=True)
class Signed:
    """What a CA handed back, and the root that its devices have."""

    leaf: Path
    between: tuple[Path, ...]  # the one that signed the leaf first
    root: Path


def by_openssl(folder: Path, request: Path) -> Signed:
    """Two tiers, as the guides have it: `req -x509`, an issuing CA, `x509 -req`."""
    folder.mkdir()
    run = _Program(folder)
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc")
    run("openssl", "req", "-x509", *new, "-keyout", "root.key", "-out", "root.crt",
        "-days", "3650", "-subj", "/O=Ours/CN=Our root",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    run("openssl", "req", "-new", *new, "-keyout", "ca.key", "-out", "ca.csr",
        "-subj", "/O=Ours/CN=Our issuing CA")  # fmt: skip
    (folder / "ca.ext").write_text(
        "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    run("openssl", "x509", "-req", "-in", "ca.csr", "-CA", "root.crt", "-CAkey", "root.key",
        "-days", "1825", "-extfile", "ca.ext", "-out", "ca.crt")  # fmt: skip
    run("openssl", "x509", "-req", "-in", str(request), "-CA", "ca.crt", "-CAkey", "ca.key",
        "-days", "365", "-copy_extensions", "copy", "-out", "leaf.crt")  # fmt: skip
    return Signed(folder / "leaf.crt", (folder / "ca.crt",), folder / "root.crt")


def sign_again(signed: Signed, request: Path) -> Path:
    """Let the CA of `by_openssl` sign another request."""
    folder = signed.root.parent
    _Program(folder)("openssl", "x509", "-req", "-in", str(request), "-CA", "ca.crt",
        "-CAkey", "ca.key", "-days", "397", "-copy_extensions", "copy",
        "-out", "next.crt")  # fmt: skip
    return folder / "next.crt"


def by_easyrsa(folder: Path, request: Path) -> Signed:
    """One tier, with what Debian's easy-rsa does when nothing else is said."""
    folder.mkdir()
    run = _Program(folder, EASYRSA_BATCH="1", EASYRSA_PKI=str(folder / "pki"))
    run(EASYRSA, "init-pki")
    run(EASYRSA, "--req-cn=Our easy CA", "build-ca", "nopass")
    run(EASYRSA, "import-req", str(request), "home-assistant")
    run(EASYRSA, "--copy-ext", "--days=397", "sign-req", "server", "home-assistant")
    return Signed(folder / "pki/issued/home-assistant.crt", (), folder / "pki/ca.crt")


def sign_again_by_easyrsa(signed: Signed, request: Path) -> Path:
    """Let the CA of `by_easyrsa` sign another request."""
    pki = signed.root.parent
    run = _Program(pki.parent, EASYRSA_BATCH="1", EASYRSA_PKI=str(pki))
    run(EASYRSA, "import-req", str(request), "next")
    run(EASYRSA, "--copy-ext", "--days=397", "sign-req", "server", "next")
    return pki / "issued/next.crt"


def by_xca(folder: Path, request: Path) -> Signed:
    """Three tiers of RSA with 4096 bits, and the extensions of XCA's templates.

    XCA itself is a program with windows; its templates `CA` and `TLS_server` (xca/misc, 2.4) are
    written out here, and OpenSSL, which XCA is made with, signs.
    """
    folder.mkdir()
    run = _Program(folder)
    comment = "nsComment=xca certificate\n"
    (folder / "ca.ext").write_text(
        "basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n"
        "authorityKeyIdentifier=keyid,issuer\nkeyUsage=keyCertSign,cRLSign\n"
        "nsCertType=sslCA,emailCA,objCA\n" + comment
    )
    (folder / "leaf.ext").write_text(
        "basicConstraints=critical,CA:FALSE\nsubjectKeyIdentifier=hash\n"
        "authorityKeyIdentifier=keyid,issuer\n"
        "keyUsage=digitalSignature,nonRepudiation,keyEncipherment\n"
        "extendedKeyUsage=serverAuth\nnsCertType=server\n" + comment
    )
    above = ("root", "middle", "issuing")
    for name in above:
        run("openssl", "req", "-new", "-newkey", "rsa:4096", "-noenc", "-keyout", f"{name}.pem",
            "-out", f"{name}.csr", "-subj", f"/C=DE/O=Ours/CN=Our XCA {name}")  # fmt: skip
    run("openssl", "x509", "-req", "-in", "root.csr", "-signkey", "root.pem", "-days", "3650",
        "-extfile", "ca.ext", "-out", "root.crt")  # fmt: skip
    for signer, name in pairwise(above):
        run("openssl", "x509", "-req", "-in", f"{name}.csr", "-CA", f"{signer}.crt",
            "-CAkey", f"{signer}.pem", "-days", "1825", "-extfile", "ca.ext",
            "-out", f"{name}.crt")  # fmt: skip
    run("openssl", "x509", "-req", "-in", str(request), "-CA", "issuing.crt",
        "-CAkey", "issuing.pem", "-days", "365", "-copy_extensions", "copy",
        "-out", "asked.crt")  # fmt: skip
    names = run("openssl", "x509", "-in", "asked.crt", "-noout", "-ext", "subjectAltName")
    alternative = names.partition("\n")[2].strip().replace("IP Address:", "IP:")
    with (folder / "leaf.ext").open("a") as extensions:
        extensions.write(f"subjectAltName={alternative}\n")
    run("openssl", "x509", "-req", "-in", str(request), "-CA", "issuing.crt",
        "-CAkey", "issuing.pem", "-days", "365", "-extfile", "leaf.ext",
        "-out", "leaf.crt")  # fmt: skip
    return Signed(
        folder / "leaf.crt", (folder / "issuing.crt", folder / "middle.crt"), folder / "root.crt"
    )


class _Program:
    """Runs a program in a folder; its complaint is the test's."""

    def __init__(self, folder: Path, **more: str) -> None:
        self._folder = folder
        self._env = {**os.environ, **more}

    def __call__(self, *words: str) -> str:
        done = subprocess.run(
            words, cwd=self._folder, env=self._env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(words)}:\n{done.stdout}{done.stderr}"
        return done.stdout


# --- small ones of our own ---


@dataclass(frozen=True, slots=True)
class Ca:
    """An authority; `now` is the moment at which it signs."""

    certificate: x509.Certificate
    key: PrivateKeyTypes = field(repr=False)
    now: dt.datetime
    above: Ca | None = None

    @classmethod
    def root(cls, name: str = "Small root", *, now: dt.datetime | None = None) -> Self:
        """A root that says all that a root should."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = now or dt.datetime.now(dt.UTC)
        certificate = _certificate(
            name, key.public_key(), signer=key, issuer=None, now=now, ca=True, days=3650
        )
        return cls(certificate, key, now)

    def below(
        self,
        name: str = "Small issuing CA",
        *,
        days: tuple[int, int] = (-1, 1825),
        at: str | None = None,
    ) -> Ca:
        """One that this one signed, good from day to day; `at`: where its signer is to be had."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(
            name, key.public_key(), signer=self.key, issuer=self.certificate,
            now=self.now + days[0] * _DAY, ca=True, days=days[1] - days[0], at=at,
        )  # fmt: skip
        return type(self)(certificate, key, self.now, self)

    def sign(
        self,
        request: x509.CertificateSigningRequest,
        *,
        names: Sequence[x509.GeneralName] | None = None,
        days: tuple[int, int] = (-1, 365),
        ca: bool = False,
        usage: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.SERVER_AUTH,
        key: PrivateKeyTypes | None = None,
        at: str | None = None,
    ) -> x509.Certificate:
        """What it makes of the request; each option is one way of getting it wrong."""
        alternative = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        public = request.public_key() if key is None else key.public_key()
        return _certificate(
            "Home Assistant", public, signer=self.key, issuer=self.certificate,
            now=self.now + days[0] * _DAY, days=days[1] - days[0], ca=ca, usage=usage,
            names=tuple(alternative.value) if names is None else names, at=at,
        )  # fmt: skip


def _certificate(
    name: str,
    public: object,
    *,
    signer: PrivateKeyTypes,
    issuer: x509.Certificate | None,
    now: dt.datetime,
    days: int,
    ca: bool,
    names: Sequence[x509.GeneralName] = (),
    usage: x509.ObjectIdentifier | None = None,
    at: str | None = None,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    assert isinstance(public, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
    assert isinstance(signer, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    builder = (
        x509.CertificateBuilder(
            issuer_name=subject if issuer is None else issuer.subject,
            subject_name=subject,
            public_key=public,
            serial_number=x509.random_serial_number(),
            not_valid_before=now,
            not_valid_after=now + days * _DAY,
        )
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(_usage(ca=issuer is None or (ca and not names)), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if at is not None:
        issuers = AuthorityInformationAccessOID.CA_ISSUERS
        place = x509.AccessDescription(issuers, x509.UniformResourceIdentifier(at))
        builder = builder.add_extension(x509.AuthorityInformationAccess([place]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=ca, crl_sign=ca,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def p7b(*certificates: x509.Certificate) -> bytes:
    return pkcs7.serialize_certificates(list(certificates), Encoding.DER)


def p12(
    key: PrivateKeyTypes, leaf: x509.Certificate, *others: x509.Certificate, passphrase: bytes
) -> bytes:
    assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    return pkcs12.serialize_key_and_certificates(
        b"home", key, leaf, others, BestAvailableEncryption(passphrase)
    )
