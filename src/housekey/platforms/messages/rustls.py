"""What rustls says: uv, and most programs in Rust."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms.messages import matters
from housekey.platforms.messages.model import Message
from housekey.platforms.model import Platform

if TYPE_CHECKING:
    from housekey.platforms.messages.model import Matter

_CRATE_ROOT = "programs with rustls mostly read SSL_CERT_FILE=root.pem; uv also --native-tls"


def _rustls(
    id_: str,
    matter: Matter,
    *texts: str,
    steps: tuple[str, ...] = (),
    vague: bool = False,
) -> Message:
    return Message(
        f"rustls-{id_}", "rustls (uv and others)", matter, "rustls, src/error.rs; rustls-webpki",
        texts, Platform.RUSTLS, ("RUS-01",), steps, vague,
    )  # fmt: skip


_INVALID = "invalid peer certificate: "

MESSAGES = (
    _rustls(
        "unknown-issuer",
        matters.UNTRUSTED,
        _INVALID + "UnknownIssuer",
        "InvalidCertificate(UnknownIssuer)",
        steps=(_CRATE_ROOT,),
    ),
    _rustls(
        "name",
        matters.NAME,
        _INVALID + 'certificate not valid for name "{host}"',
        _INVALID + "NotValidForName",
        "InvalidCertificate(NotValidForName",
    ),
    _rustls(
        "expired",
        matters.ENDED,
        _INVALID + "Expired",
        _INVALID + "certificate expired",
        "InvalidCertificate(Expired",
    ),
    _rustls(
        "not-yet",
        matters.NOT_YET,
        _INVALID + "NotValidYet",
        _INVALID + "certificate not valid yet",
        "InvalidCertificate(NotValidYet",
    ),
    _rustls("ca-as-leaf", matters.CA_AS_LEAF, "CaUsedAsEndEntity"),
    _rustls("constraint", matters.CONSTRAINED, "NameConstraintViolation"),
    _rustls(
        "malformed",
        matters.MALFORMED,
        "MalformedDnsIdentifier",
        _INVALID + "BadEncoding",
        "InvalidCertificate(BadEncoding",
        "UnsupportedCertVersion",
    ),
    _rustls(
        "signature",
        matters.BAD_SIGNATURE,
        _INVALID + "BadSignature",
        "InvalidCertificate(BadSignature",
    ),
    _rustls("algorithm", matters.KEY_KIND, "UnsupportedSignatureAlgorithm"),
    _rustls(
        "usage",
        matters.WRONG_USE,
        _INVALID + "InvalidPurpose",
        _INVALID + "certificate does not allow extended key usage",
        "RequiredEkuNotFound",
        "InvalidCertificate(InvalidPurpose",
    ),
    _rustls(
        "critical", matters.CRITICAL, "UnhandledCriticalExtension", "UnsupportedCriticalExtension"
    ),
    _rustls("other", matters.UNVERIFIED, "invalid peer certificate", vague=True),
    _rustls("corrupt", matters.TLS_TO_PLAIN, "received corrupt message of type InvalidContentType"),
    _rustls(
        "certificate-required",
        matters.CLIENT_CERTIFICATE,
        "received fatal alert: CertificateRequired",
    ),
    _rustls(
        "alert",
        matters.CLIENT_REFUSES,
        "received fatal alert: UnknownCA",
        "received fatal alert: BadCertificate",
        "received fatal alert: CertificateUnknown",
    ),
)
