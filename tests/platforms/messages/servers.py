"""Servers in which one thing is wrong each, for real programs to fail at."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from housekey.live.tls import AcceptedSocket
from housekey.pki.constraints import DEFAULT_CONSTRAINTS
from tests.pki.houses import A_DAY, NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

HOST = "localhost"
_YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def issued(
    common_name: str,
    *,
    by: Pair | None,
    names: Sequence[str] = (),
    ca: bool = False,
    since: timedelta = A_DAY,  # before now
    until: timedelta = _YEAR,  # after now
    usage: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.SERVER_AUTH,
    identifiers: bool = True,
    constrained: bool = False,
) -> Pair:
    """Make a certificate as a careful tool does, or leave out what is to be missing."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - since)
        .not_valid_after(NOW + until)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if identifiers:
        signer = by.key if by else key
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        ).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
            critical=False,
        )
        allowed = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "encipher_only", "decipher_only"), False,
        )  # fmt: skip
        builder = builder.add_extension(
            x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, **allowed),
            critical=True,
        )
    if names:
        alternatives = x509.SubjectAlternativeName(list(map(x509.DNSName, names)))
        builder = builder.add_extension(alternatives, critical=False)
    if usage is not None and not ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if constrained:
        builder = builder.add_extension(DEFAULT_CONSTRAINTS.extension(), critical=False)
    certificate = builder.sign((by.key if by else key), hashes.SHA256())
    return Pair(certificate, key)


@dataclass
class Server:
    """Answers TLS, or plain HTTP, with as little as there is; `port` is free."""

    setup: Callable[[], ssl.SSLContext] | None
    port: int = field(init=False)
    errors: list[str] = field(default_factory=list)  # what its side of a handshake said
    _socket: socket.socket = field(init=False, repr=False)

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        # A handshake that fails closes its socket; this one stays, so that the client gets to
        # read why before it hears that nobody listens any more.
        open_still = connection.dup()
        open_still.settimeout(5)
        try:
            if self.setup is not None:
                connection = self.setup().wrap_socket(connection, server_side=True)
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        except OSError as error:
            self.errors.append(f"{type(error).__name__}: {error}")
            with contextlib.suppress(OSError):
                open_still.shutdown(socket.SHUT_WR)
                while open_still.recv(65536):
                    pass
        finally:
            connection.close()
            open_still.close()


@dataclass(frozen=True)
class World:
    """What is wrong, by name: a server's context, and the root that its client is given."""

    folder: Path
    root: Pair
    root_file: Path
    old_root_file: Path  # without key identifiers and key usage, as old guides make it
    contexts: dict[str, Callable[[], ssl.SSLContext] | None]

    @classmethod
    def made(cls, folder: Path) -> World:
        """Make all the certificates in `folder`."""
        root = issued("a root", by=None, ca=True, since=90 * A_DAY, constrained=True)
        issuing = issued("an issuing CA", by=root, ca=True, since=90 * A_DAY, constrained=True)
        old_root = issued("an old root", by=None, ca=True, identifiers=False)
        files = {"root": folder / "root.pem", "old": folder / "old.pem"}
        files["root"].write_bytes(root.pem)
        files["old"].write_bytes(old_root.pem)

        def serving(name: str, *chain: Pair, **options: object) -> Callable[[], ssl.SSLContext]:
            path = folder / f"{name}.pem"
            path.write_bytes(b"".join(each.pem for each in chain) + chain[0].key_pem)

            def context() -> ssl.SSLContext:
                made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                made.sslsocket_class = AcceptedSocket
                made.load_cert_chain(path)
                if options.get("asks"):
                    made.verify_mode = ssl.CERT_REQUIRED
                    made.load_verify_locations(files["root"])
                if options.get("newest"):
                    made.minimum_version = ssl.TLSVersion.TLSv1_3
                return made

            return context

        def leaf(**options: object) -> Pair:
            return issued(HOST, by=issuing, **{"names": [HOST], **options})  # type: ignore[arg-type]

        good = leaf()
        return cls(
            folder,
            root,
            files["root"],
            files["old"],
            {
                "good": serving("good", good, issuing),
                "alone": serving("alone", good),
                "with root": serving("with-root", good, issuing, root),
                "self-signed": serving("self-signed", issued(HOST, by=None, names=[HOST])),
                "ended": serving("ended", leaf(since=20 * A_DAY, until=-A_DAY), issuing),
                "future": serving("future", leaf(since=-A_DAY), issuing),
                "other name": serving("other-name", leaf(names=["printer.lan"]), issuing),
                "wrong use": serving(
                    "wrong-use", leaf(usage=ExtendedKeyUsageOID.CLIENT_AUTH), issuing
                ),
                "outside": serving("outside", leaf(names=[HOST, "example.org"]), issuing),
                "ca": serving("ca", leaf(ca=True), issuing),
                "old": serving(
                    "by-old-root",
                    issued(HOST, by=old_root, names=[HOST], identifiers=False),
                ),
                "asks": serving("asks", good, issuing, asks=True),
                "newest": serving("newest", good, issuing, newest=True),
                "plain": None,
            },
        )
