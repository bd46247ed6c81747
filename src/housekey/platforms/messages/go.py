"""What Go programs say: Home Assistant's add-ons, proxies, monitoring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms.messages import matters
from housekey.platforms.messages.model import Message
from housekey.platforms.model import Platform

if TYPE_CHECKING:
    from housekey.platforms.messages.model import Matter

_GO_ROOT = "a Go program on Linux is given the root by SSL_CERT_FILE=root.pem"


def _go(
    id_: str, matter: Matter, *texts: str, rules: tuple[str, ...] = (), steps: tuple[str, ...] = ()
) -> Message:
    return Message(
        f"go-{id_}",
        "Go",
        matter,
        "Go, crypto/x509/verify.go and crypto/tls",
        texts,
        platform=Platform.GO,
        rules=rules,
        steps=steps,
    )


MESSAGES = (
    _go(
        "unknown-authority",
        matters.UNTRUSTED,
        "x509: certificate signed by unknown authority",
        "remote error: tls: unknown certificate authority, client:",
        rules=("GO-03",),
        steps=(_GO_ROOT,),
    ),
    _go(
        "name",
        matters.NAME,
        "x509: certificate is valid for …, not {host}",
        "x509: certificate is not valid for any names, but wanted to match {host}",
        rules=("GO-01",),
    ),
    _go(
        "no-ip",
        matters.NAME,
        "x509: cannot validate certificate for {host} because it doesn't contain any IP SANs",
        rules=("GO-01",),
    ),
    _go(
        "common-name",
        matters.NO_NAMES,
        "x509: certificate relies on legacy Common Name field, use SANs instead",
        "x509: Common Name is not a valid hostname",
        rules=("GO-01",),
    ),
    _go(
        "dates",
        matters.DATES,
        "x509: certificate has expired or is not yet valid",
    ),
    _go(
        "constraint",
        matters.CONSTRAINED,
        "a root or intermediate certificate is not authorized to sign for this name",
        "x509: certificate is not authorized to sign for",
        rules=("GO-02", "NC-01"),
    ),
    _go(
        "usage",
        matters.WRONG_USE,
        "x509: certificate specifies an incompatible key usage",
        "x509: certificate is not authorized for the given key usage",
    ),
    _go(
        "not-ca",
        matters.NOT_A_CA,
        "x509: certificate is not authorized to sign other certificates",
        "parent certificate cannot sign this kind of certificate",
        rules=("GO-03",),
    ),
    _go("too-many", matters.PATH_LENGTH, "x509: too many intermediates for path length constraint"),
    _go("critical", matters.CRITICAL, "x509: unhandled critical extension", rules=("GO-02",)),
    _go("malformed", matters.MALFORMED, "x509: cannot parse dnsName", rules=("GO-02", "NC-11")),
    _go("parse", matters.MALFORMED, "x509: malformed", "x509: negative serial number"),
    _go(
        "weak-hash",
        matters.WEAK_HASH,
        "x509: cannot verify signature: insecure algorithm",
        rules=("GO-03",),
    ),
    _go(
        "not-tls",
        matters.TLS_TO_PLAIN,
        "tls: first record does not look like a TLS handshake",
        "http: server gave HTTP response to HTTPS client",
    ),
    _go(
        "plain",
        matters.PLAIN_TO_TLS,
        "Client sent an HTTP request to an HTTPS server",
        "client sent an HTTP request to an HTTPS server",
        'malformed HTTP response "\\x15\\x03',
    ),
    _go("handshake", matters.HANDSHAKE, "remote error: tls: handshake failure"),
    _go(
        "protocol-version",
        matters.VERSION,
        "remote error: tls: protocol version not supported",
        "tls: client offered only unsupported versions",
        "tls: server selected unsupported protocol version",
    ),
    _go(
        "client-refuses",
        matters.CLIENT_REFUSES,
        "TLS handshake error from {client}: remote error: tls: unknown certificate",
        "TLS handshake error from {client}: remote error: tls: bad certificate",
        "remote error: tls: unknown certificate authority",
        "remote error: tls: bad certificate",
        "remote error: tls: unknown certificate",
    ),
    _go(
        "client-certificate",
        matters.CLIENT_CERTIFICATE,
        "remote error: tls: certificate required",
        "tls: client didn't provide a certificate",
    ),
    _go(
        "key-mismatch",
        matters.KEY_MISMATCH,
        "tls: private key does not match public key",
        "tls: private key type does not match public key type",
    ),
    _go(
        "not-pem",
        matters.NOT_PEM,
        "tls: failed to find any PEM data in certificate input",
        "tls: failed to find certificate PEM data",
        "tls: failed to find PEM block with type ending",
    ),
)
