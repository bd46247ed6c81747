"""What OpenSSL says, whoever speaks through it.

OpenSSL 3 writes some texts a little differently from 1.1; both stand here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms.messages import matters
from housekey.platforms.messages.model import Message
from housekey.platforms.model import Platform

if TYPE_CHECKING:
    from housekey.platforms.messages.model import Matter

_VERIFY = "OpenSSL, crypto/x509/x509_txt.c"
_ALERTS = "OpenSSL, ssl/ssl_err.c"


def _openssl(
    id_: str,
    matter: Matter,
    *texts: str,
    source: str = _VERIFY,
    rules: tuple[str, ...] = (),
    steps: tuple[str, ...] = (),
    vague: bool = False,
) -> Message:
    return Message(
        f"openssl-{id_}",
        "OpenSSL",
        matter,
        source,
        texts,
        platform=Platform.OPENSSL,
        rules=rules,
        steps=steps,
        vague=vague,
    )


MESSAGES = (
    _openssl(
        "local-issuer",
        matters.UNTRUSTED,
        "unable to get local issuer certificate",
        rules=("OSL-01",),
    ),
    _openssl(
        "issuer",
        matters.CHAIN,
        "unable to get issuer certificate",
        "UNABLE_TO_GET_ISSUER_CERT",
        rules=("OSL-09",),
    ),
    _openssl(
        "first-certificate",
        matters.CHAIN,
        "unable to verify the first certificate",
        rules=("OSL-01",),
    ),
    _openssl(
        "self-signed",
        matters.SELF_SIGNED,
        "self-signed certificate",
        "self signed certificate",
        rules=("OSL-02",),
    ),
    _openssl(
        "self-signed-in-chain",
        matters.ROOT_SENT_UNTRUSTED,
        "self-signed certificate in certificate chain",
        "self signed certificate in certificate chain",
    ),
    _openssl(
        "expired",
        matters.ENDED,
        "certificate has expired",
        "CERT_HAS_EXPIRED",
    ),
    _openssl("not-yet", matters.NOT_YET, "certificate is not yet valid", "CERT_NOT_YET_VALID"),
    _openssl("revoked", matters.REVOKED, "verify failed: certificate revoked", "CERT_REVOKED"),
    _openssl(
        "signature",
        matters.BAD_SIGNATURE,
        "certificate signature failure",
        "CERT_SIGNATURE_FAILURE",
    ),
    _openssl(
        "untrusted", matters.UNTRUSTED, "verify failed: certificate not trusted", "CERT_UNTRUSTED"
    ),
    _openssl("rejected", matters.UNTRUSTED, "verify failed: certificate rejected", "CERT_REJECTED"),
    _openssl(
        "purpose",
        matters.WRONG_USE,
        "unsupported certificate purpose",
        "unsuitable certificate purpose",
        "INVALID_PURPOSE",
        rules=("OSL-04", "OSL-05"),
    ),
    _openssl("invalid-ca", matters.NOT_A_CA, "invalid CA certificate", rules=("PY-05",)),
    _openssl("non-ca", matters.NOT_A_CA, "invalid non-CA certificate (has CA markings)"),
    _openssl("path-length", matters.PATH_LENGTH, "path length constraint exceeded"),
    _openssl(
        "issuer-key-usage",
        matters.KEY_USAGE,
        "key usage does not include certificate signing",
    ),
    _openssl(
        "permitted", matters.CONSTRAINED, "permitted subtree violation", rules=("OSL-03", "NC-01")
    ),
    _openssl("excluded", matters.CONSTRAINED, "excluded subtree violation", rules=("OSL-03",)),
    _openssl("constraint-syntax", matters.CONSTRAINED, "unsupported or invalid name syntax"),
    _openssl("critical", matters.CRITICAL, "unhandled critical extension", rules=("PY-09",)),
    _openssl(
        "weak-key",
        matters.WEAK_KEY,
        "EE certificate key too weak",
        "CA certificate key too weak",
        "EE_KEY_TOO_SMALL",
        "CA_KEY_TOO_SMALL",
        "ee key too small",
        "ca key too small",
        rules=("OSL-06",),
    ),
    _openssl(
        "weak-hash",
        matters.WEAK_HASH,
        "CA signature digest algorithm too weak",
        "CA_MD_TOO_WEAK",
        "ca md too weak",
        rules=("OSL-06",),
    ),
    _openssl(
        "ip-mismatch",
        matters.NAME,
        "IP address mismatch",
        rules=("OSL-07",),
    ),
    _openssl(
        "hostname-mismatch",
        matters.NAME,
        "hostname mismatch",
        "verify error:num=62:",
        rules=("OSL-07",),
    ),
    _openssl(
        "verify-failed",
        matters.UNVERIFIED,
        "CERTIFICATE_VERIFY_FAILED",
        "certificate verify failed",
        source=_ALERTS,
        vague=True,
    ),
    _openssl(
        "wrong-version-number",
        matters.TLS_TO_PLAIN,
        "WRONG_VERSION_NUMBER",
        "wrong version number",
        "packet length too long",
        "PACKET_LENGTH_TOO_LONG",
        "RECORD_LAYER_FAILURE",
        "record layer failure",
        source=_ALERTS,
    ),
    _openssl(
        "unknown-protocol",
        matters.TLS_TO_PLAIN,
        "routines:…:unknown protocol",
        "SSL: UNKNOWN_PROTOCOL",
        source=_ALERTS,
    ),
    _openssl(
        "http-request",
        matters.PLAIN_TO_TLS,
        "SSL: HTTP_REQUEST",
        "SSL routines::http request",
        "SSL routines:…:http request",
        source=_ALERTS,
    ),
    _openssl(
        "unsupported-protocol",
        matters.VERSION,
        "SSL: UNSUPPORTED_PROTOCOL",
        "SSL routines…unsupported protocol",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "tlsv1 alert protocol version",
        "NO_PROTOCOLS_AVAILABLE",
        source=_ALERTS,
    ),
    _openssl(
        "no-shared-cipher",
        matters.VERSION,
        "NO_SHARED_CIPHER",
        "no shared cipher",
        "no suitable signature algorithm",
        "NO_SUITABLE_SIGNATURE_ALGORITHM",
        "TLSV1_ALERT_INSUFFICIENT_SECURITY",
        source=_ALERTS,
    ),
    _openssl(
        "unsafe-renegotiation",
        matters.VERSION,
        "UNSAFE_LEGACY_RENEGOTIATION_DISABLED",
        "unsafe legacy renegotiation disabled",
        "DH_KEY_TOO_SMALL",
        "dh key too small",
        source=_ALERTS,
    ),
    _openssl(
        "handshake-failure",
        matters.HANDSHAKE,
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "sslv3 alert handshake failure",
        "ssl/tls alert handshake failure",
        source=_ALERTS,
    ),
    _openssl(
        "eof",
        matters.NO_ANSWER,
        "UNEXPECTED_EOF_WHILE_READING",
        "unexpected eof while reading",
        "EOF occurred in violation of protocol",
        "SSL_ERROR_SYSCALL in connection to {host}",
        source=_ALERTS,
    ),
    _openssl(
        "alert-unknown-ca",
        matters.CLIENT_REFUSES,
        "TLSV1_ALERT_UNKNOWN_CA",
        "alert unknown ca…client: {client}",
        "alert unknown ca",
        source=_ALERTS,
    ),
    _openssl(
        "alert-bad-certificate",
        matters.CLIENT_REFUSES,
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "alert bad certificate…client: {client}",
        "alert bad certificate",
        source=_ALERTS,
        rules=("DEV-02",),
    ),
    _openssl(
        "alert-certificate-unknown",
        matters.CLIENT_REFUSES,
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "alert certificate unknown…client: {client}",
        "alert certificate unknown",
        source=_ALERTS,
    ),
    _openssl(
        "alert-unsupported-certificate",
        matters.CLIENT_REFUSES,
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "alert unsupported certificate",
        source=_ALERTS,
    ),
    _openssl(
        "alert-certificate-expired",
        matters.DATES,
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "alert certificate expired",
        source=_ALERTS,
    ),
    _openssl(
        "alert-unrecognized-name",
        matters.NAME,
        "TLSV1_UNRECOGNIZED_NAME",
        "tlsv1 unrecognized name",
        source=_ALERTS,
    ),
    _openssl(
        "certificate-required",
        matters.CLIENT_CERTIFICATE,
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "alert certificate required",
        "PEER_DID_NOT_RETURN_A_CERTIFICATE",
        "peer did not return a certificate",
        source=_ALERTS,
    ),
    _openssl(
        "key-mismatch",
        matters.KEY_MISMATCH,
        "KEY_VALUES_MISMATCH",
        "key values mismatch",
        "KEY_TYPE_MISMATCH",
        "key type mismatch",
        source="OpenSSL, crypto/x509/x509_err.c",
    ),
    _openssl(
        "no-start-line",
        matters.NOT_PEM,
        "NO_START_LINE",
        "PEM routines…no start line",
        "Expecting: CERTIFICATE",
        "Expecting: TRUSTED CERTIFICATE",
        "Expecting: ANY PRIVATE KEY",
        "[SSL] PEM lib",
        "SSL routines::PEM lib",
        "PEM routines…bad end line",
        "PEM routines…bad base64 decode",
        "Could not read certificate from",
        "Could not read private key from",
        "unable to load certificate",
        "unable to load Private Key",
        source="OpenSSL, crypto/pem/pem_err.c and apps",
    ),
    _openssl(
        "bad-decrypt",
        matters.KEY_LOCKED,
        "routines…bad decrypt",
        "BAD_DECRYPT",
        "bad password read",
        "BAD_PASSWORD_READ",
        source="OpenSSL, crypto/evp/evp_err.c",
    ),
    _openssl(
        "pkcs12-password",
        matters.PASSWORD,
        "mac verify error: invalid password?",
        "mac verify failure",
        "Invalid password or PKCS12 data",
        source="OpenSSL, apps/pkcs12.c; cryptography",
    ),
)
