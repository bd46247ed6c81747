"""What Android says: the Home Assistant app, other apps, their log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms.messages import matters
from housekey.platforms.messages.model import Message
from housekey.platforms.model import Platform

if TYPE_CHECKING:
    from housekey.platforms.messages.model import Matter

_ANDROID_ROOT = (
    "Android: Settings > Security > Encryption & credentials > Install a certificate > CA"
    " certificate; apps other than Home Assistant's must allow such roots themselves"
)


def _android(
    id_: str,
    matter: Matter,
    source: str,
    *texts: str,
    rules: tuple[str, ...] = (),
    steps: tuple[str, ...] = (),
) -> Message:
    return Message(
        f"android-{id_}", "Android", matter, source, texts, Platform.ANDROID, rules, steps
    )


MESSAGES = (
    _android(
        "no-anchor",
        matters.UNTRUSTED,
        "Conscrypt TrustManagerImpl",
        "Trust anchor for certification path not found",
        rules=("AND-01", "AND-03"),
        steps=(_ANDROID_ROOT,),
    ),
    _android(
        "app-authority",
        matters.UNTRUSTED,
        "home-assistant/android issue #5891",
        "The Home Assistant certificate authority is not trusted",
        "Home Assistant Certificate Authority is not trusted",
        rules=("HA-01",),
        steps=(_ANDROID_ROOT,),
    ),
    _android(
        "name",
        matters.NAME,
        "OkHttp, internal/connection",
        "Hostname {host} not verified",
        rules=("AND-09",),
    ),
    _android(
        "usage",
        matters.WRONG_USE,
        "Conscrypt TrustManagerImpl",
        "does not have a valid extendedKeyUsage",
        rules=("AND-08",),
    ),
    _android(
        "key-class",
        matters.KEY_KIND,
        "Conscrypt ChainStrengthAnalyzer",
        "Rejecting unknown key class",
        rules=("AND-07",),
    ),
    _android(
        "weak",
        matters.WEAK_HASH,
        "Conscrypt ChainStrengthAnalyzer",
        "Signature uses an insecure hash function",
        rules=("AND-07",),
    ),
    _android(
        "weak-key",
        matters.WEAK_KEY,
        "Conscrypt ChainStrengthAnalyzer",
        "RSA modulus is < 1024 bits",
        "EC key field size is < 160 bits",
        rules=("AND-07",),
    ),
    _android(
        "webview",
        matters.UNTRUSTED,
        "AOSP, android.net.http.SslError",
        "SSL_UNTRUSTED",
        "primary error: 3",
        rules=("AND-04", "HA-01"),
        steps=(_ANDROID_ROOT,),
    ),
    _android(
        "webview-name",
        matters.NAME,
        "AOSP, android.net.http.SslError",
        "SSL_IDMISMATCH",
        "primary error: 2 certificate",
    ),
    _android(
        "webview-expired",
        matters.ENDED,
        "AOSP, android.net.http.SslError",
        "SSL_EXPIRED",
        "primary error: 1 certificate",
    ),
    _android("webview-date", matters.DATES, "AOSP, android.net.http.SslError", "SSL_DATE_INVALID"),
    _android(
        "chain-invalid",
        matters.UNVERIFIED,
        "Conscrypt TrustManagerImpl",
        "Chain validation failed",
        steps=(_ANDROID_ROOT,),
    ),
    _android(
        "cleartext",
        matters.CLEARTEXT,
        "OkHttp, RealConnection",
        "CLEARTEXT communication to {host} not permitted",
        "Cleartext HTTP traffic to {host} not permitted",
        "Cleartext HTTP traffic not permitted",
    ),
    _android(
        "wrong-version",
        matters.TLS_TO_PLAIN,
        "Conscrypt, ConscryptEngine",
        "Unable to parse TLS packet header",
    ),
    _android(
        "unknown-host",
        matters.NO_SUCH_NAME,
        "Android, java.net.Inet6AddressImpl",
        'Unable to resolve host "{host}"',
    ),
    _android(
        "not-ca",
        matters.NOT_A_CA,
        "AOSP, CertInstaller",
        "Private key required to install a certificate",
        rules=("AND-01",),
    ),
)
