"""What GnuTLS says: git, wget and others on Debian."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms.messages import matters
from housekey.platforms.messages.model import Message
from housekey.platforms.model import Platform

if TYPE_CHECKING:
    from housekey.platforms.messages.model import Matter


def _gnutls(
    id_: str,
    matter: Matter,
    *texts: str,
    rules: tuple[str, ...] = ("GTL-01",),
    steps: tuple[str, ...] = (),
    vague: bool = False,
) -> Message:
    return Message(
        f"gnutls-{id_}", "GnuTLS", matter, "GnuTLS, lib/cert-session.c and lib/errors.c", texts,
        Platform.GNUTLS, rules, steps, vague,
    )  # fmt: skip


_GIT_ROOT = "git is given the root by git -c http.sslCAInfo=root.pem, or by the system's list"

MESSAGES = (
    _gnutls(
        "unknown-issuer",
        matters.UNTRUSTED,
        "The certificate issuer is unknown",
        "certificate issuer is unknown",
    ),
    _gnutls("not-trusted", matters.UNVERIFIED, "The certificate is NOT trusted", vague=True),
    _gnutls(
        "git",
        matters.UNVERIFIED,
        "server certificate verification failed. CAfile: {path} CRLfile",
        "server certificate verification failed",
        steps=(_GIT_ROOT,),
    ),
    _gnutls("issuer-no-ca", matters.NOT_A_CA, "The certificate issuer is not a CA"),
    _gnutls(
        "name",
        matters.NAME,
        "The name in the certificate does not match the expected",
        "certificate subject name (…) does not match target host name '{host}'",
    ),
    _gnutls("expired", matters.ENDED, "The certificate chain uses expired certificate"),
    _gnutls("not-yet", matters.NOT_YET, "The certificate chain uses not yet valid certificate"),
    _gnutls("insecure", matters.WEAK_HASH, "The certificate chain uses insecure algorithm"),
    _gnutls(
        "constraint", matters.CONSTRAINED, "The certificate chain violates the signer's constraints"
    ),
    _gnutls(
        "purpose", matters.WRONG_USE, "The certificate chain does not match the intended purpose"
    ),
    _gnutls("key-usage", matters.KEY_USAGE, "Key usage violation in certificate has been detected"),
    _gnutls("signature", matters.BAD_SIGNATURE, "The signature in the certificate is invalid"),
    _gnutls(
        "staple", matters.STAPLE, "requires the server to include an OCSP status in its response"
    ),
    _gnutls("critical", matters.CRITICAL, "The certificate contains an unknown critical extension"),
    _gnutls("revoked", matters.REVOKED, "The certificate chain is revoked"),
    _gnutls(
        "packet",
        matters.TLS_TO_PLAIN,
        "An unexpected TLS packet was received",
        "A TLS record packet with invalid length was received",
    ),
    _gnutls("alert", matters.HANDSHAKE, "A TLS fatal alert has been received", vague=True),
    _gnutls("terminated", matters.NO_ANSWER, "The TLS connection was non-properly terminated"),
    _gnutls(
        "verification",
        matters.UNVERIFIED,
        "Error in the certificate verification",
        "Error in the certificate.",
        vague=True,
    ),
    _gnutls("key-mismatch", matters.KEY_MISMATCH, "The certificate and the given key do not match"),
)
