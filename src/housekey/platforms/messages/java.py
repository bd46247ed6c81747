"""What Java programs say: openHAB and others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms.messages import matters
from housekey.platforms.messages.model import Message
from housekey.platforms.model import Platform

if TYPE_CHECKING:
    from housekey.platforms.messages.model import Matter

_JAVA_ROOT = (
    "a Java program has a store of its own: keytool -importcert -cacerts -alias housekey -file"
    " root.pem"
)


def _java(
    id_: str,
    matter: Matter,
    *texts: str,
    rules: tuple[str, ...] = (),
    steps: tuple[str, ...] = (),
    source: str = "measured, OpenJDK 17",
    vague: bool = False,
) -> Message:
    return Message(f"java-{id_}", "Java", matter, source, texts, Platform.JAVA, rules, steps, vague)


_JDK = "OpenJDK, sun.security"

MESSAGES = (
    _java(
        "path-building",
        matters.UNTRUSTED,
        "PKIX path building failed",
        "unable to find valid certification path to requested target",
        steps=(_JAVA_ROOT,),
    ),
    _java(
        "no-chain",
        matters.UNTRUSTED,
        "Path does not chain with any of the trust anchors",
        rules=("JAV-04", "JAV-01"),
        steps=(_JAVA_ROOT,),
    ),
    _java(
        "path-validation",
        matters.UNVERIFIED,
        "PKIX path validation failed",
        source=_JDK,
        vague=True,
    ),
    _java(
        "not-ca",
        matters.NOT_A_CA,
        "TrustAnchor with subject…is not a CA certificate",
        rules=("JAV-02",),
        source=_JDK,
    ),
    _java(
        "name",
        matters.NAME,
        "No subject alternative DNS name matching {host} found",
        "No subject alternative names matching IP address {host} found",
        "No name matching {host} found",
        rules=("JAV-04",),
    ),
    _java("no-names", matters.NO_NAMES, "No subject alternative names present", source=_JDK),
    _java(
        "expired",
        matters.ENDED,
        "java.security.cert.CertificateExpiredException",
        "CertificateExpiredException: NotAfter",
        source=_JDK,
    ),
    _java("not-yet", matters.NOT_YET, "CertificateNotYetValidException", source=_JDK),
    _java(
        "timestamp",
        matters.DATES,
        "timestamp check failed",
        "validity check failed",
        source=_JDK,
        vague=True,
    ),
    _java(
        "key-usage",
        matters.KEY_USAGE,
        "KeyUsage does not allow digital signatures",
        "Wrong key usage",
        rules=("JAV-03",),
        source=_JDK,
    ),
    _java(
        "extended-usage",
        matters.WRONG_USE,
        "Extended key usage does not permit use for TLS server",
        source=_JDK,
    ),
    _java(
        "constraint",
        matters.CONSTRAINED,
        "name constraints check failed",
        rules=("JAV-01",),
        source=_JDK,
    ),
    _java(
        "weak",
        matters.WEAK_HASH,
        "Algorithm constraints check failed on signature algorithm",
        source=_JDK,
    ),
    _java(
        "weak-key",
        matters.WEAK_KEY,
        "Algorithm constraints check failed on keysize limits",
        source=_JDK,
    ),
    _java(
        "no-roots", matters.NO_ROOTS, "the trustAnchors parameter must be non-empty", source=_JDK
    ),
    _java("store", matters.CA_FILE, "problem accessing trust store"),
    _java(
        "password",
        matters.PASSWORD,
        "Keystore was tampered with, or password was incorrect",
        "keystore password was incorrect",
        source=_JDK,
    ),
    _java(
        "plain",
        matters.TLS_TO_PLAIN,
        "Unsupported or unrecognized SSL message",
        "Unrecognized SSL message, plaintext connection?",
    ),
    _java(
        "version",
        matters.VERSION,
        "Received fatal alert: protocol_version",
        "No appropriate protocol (protocol is disabled or cipher suites are inappropriate)",
        "no cipher suites in common",
        source=_JDK,
    ),
    _java(
        "handshake",
        matters.HANDSHAKE,
        "Received fatal alert: handshake_failure",
        "Remote host terminated the handshake",
        "Remote host closed connection during handshake",
        source=_JDK,
    ),
    _java(
        "client-refuses",
        matters.CLIENT_REFUSES,
        "Received fatal alert: certificate_unknown",
        "Received fatal alert: bad_certificate",
        "Received fatal alert: unknown_ca",
        source=_JDK,
    ),
    _java(
        "client-certificate",
        matters.CLIENT_CERTIFICATE,
        "Received fatal alert: certificate_required",
        "Empty client certificate chain",
        source=_JDK,
    ),
)
