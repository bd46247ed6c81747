"""What Windows says: Schannel, .NET, PowerShell, curl of Windows, Edge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms.messages import matters
from housekey.platforms.messages.model import Message
from housekey.platforms.model import Platform

if TYPE_CHECKING:
    from housekey.platforms.messages.model import Matter


_REVOKE = "learn.microsoft.com, CertGetCertificateChain; curl, lib/vtls/schannel_verify.c"


def _windows(
    id_: str, matter: Matter, *texts: str, rules: tuple[str, ...] = (), vague: bool = False
) -> Message:
    return Message(
        f"windows-{id_}", "Windows", matter, _REVOKE, texts, Platform.WINDOWS, rules, vague=vague
    )


MESSAGES = (
    _windows(
        "untrusted-root",
        matters.UNTRUSTED,
        "CERT_E_UNTRUSTEDROOT",
        "0x800B0109",
        "SEC_E_UNTRUSTED_ROOT",
        "0x80090325",
        "CERT_TRUST_IS_UNTRUSTED_ROOT",
        "The certificate chain was issued by an authority that is not trusted",
        "terminated in a root certificate which is not trusted by the trust provider",
        "RemoteCertificateChainErrors",
        "UntrustedRoot",
        rules=("WIN-01",),
    ),
    _windows(
        "chaining",
        matters.CHAIN,
        "CERT_E_CHAINING",
        "0x800B010A",
        "CERT_TRUST_IS_PARTIAL_CHAIN",
        rules=("WIN-01",),
    ),
    _windows(
        "name",
        matters.NAME,
        "CERT_E_CN_NO_MATCH",
        "0x800B010F",
        "SEC_E_WRONG_PRINCIPAL",
        "0x80090322",
        "schannel: SNI or certificate check failed",
        "RemoteCertificateNameMismatch",
        rules=("WIN-02",),
    ),
    _windows(
        "expired",
        matters.DATES,
        "CERT_E_EXPIRED",
        "0x800B0101",
        "SEC_E_CERT_EXPIRED",
        "0x80090328",
        "CERT_TRUST_IS_NOT_TIME_VALID",
    ),
    _windows(
        "usage",
        matters.WRONG_USE,
        "CERT_E_WRONG_USAGE",
        "0x800B0110",
        "CERT_TRUST_IS_NOT_VALID_FOR_USAGE",
        rules=("WIN-03",),
    ),
    _windows(
        "no-revocation",
        matters.REVOCATION,
        "CRYPT_E_NO_REVOCATION_CHECK",
        "0x80092012",
        "CRYPT_E_REVOCATION_OFFLINE",
        "0x80092013",
        "CERT_TRUST_REVOCATION_STATUS_UNKNOWN",
        rules=("WIN-04",),
    ),
    _windows("revoked", matters.REVOKED, "CRYPT_E_REVOKED", "0x80092010", "CERT_TRUST_IS_REVOKED"),
    _windows(
        "constraint",
        matters.CONSTRAINED,
        "CERT_TRUST_HAS_NOT_PERMITTED_NAME_CONSTRAINT",
        "CERT_TRUST_HAS_EXCLUDED_NAME_CONSTRAINT",
        "CERT_TRUST_HAS_NOT_SUPPORTED_NAME_CONSTRAINT",
        rules=("WIN-06",),
    ),
    _windows(
        "weak",
        matters.WEAK_HASH,
        "CERT_TRUST_IS_NOT_SIGNATURE_VALID",
        "CERT_TRUST_HAS_WEAK_SIGNATURE",
        rules=("WIN-07",),
    ),
    _windows("not-tls", matters.TLS_TO_PLAIN, "SEC_E_INVALID_TOKEN", "0x80090308"),
    _windows(
        "algorithm",
        matters.VERSION,
        "SEC_E_ALGORITHM_MISMATCH",
        "0x80090331",
        "SEC_E_UNSUPPORTED_FUNCTION",
        "0x80090302",
    ),
    _windows(
        "unknown",
        matters.UNVERIFIED,
        "SEC_E_CERT_UNKNOWN",
        "0x80090327",
        "The remote certificate is invalid according to the validation procedure",
        "The remote certificate was rejected by the provided",
        "Could not establish trust relationship for the SSL/TLS secure channel",
    ),
    _windows(
        "schannel", matters.HANDSHAKE, "schannel: next InitializeSecurityContext failed", vague=True
    ),
    _windows(
        "could-not-create",
        matters.VERSION,
        "The request was aborted: Could not create SSL/TLS secure channel",
    ),
    _windows("not-private-edge", matters.UNTRUSTED, "DLG_FLAGS_INVALID_CA"),
    _windows("edge-name", matters.NAME, "DLG_FLAGS_SEC_CERT_CN_INVALID"),
    _windows("edge-date", matters.DATES, "DLG_FLAGS_SEC_CERT_DATE_INVALID"),
)
