"""What Mbed TLS says: ESP32 with ESP-IDF, Arduino or ESPHome.

Numbers stand in hexadecimal in its log, and in decimal in some programs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms.messages import matters
from housekey.platforms.messages.model import Message
from housekey.platforms.model import Platform

if TYPE_CHECKING:
    from housekey.platforms.messages.model import Matter

_ESP_ROOT = (
    "ESPHome: ca_certificate_path of http_request gives it the root; other firmware has the root"
    " built in"
)
_CLOCK = "an ESP32 has no clock: it must ask a time server before it looks at certificates"


def _mbed(
    id_: str,
    matter: Matter,
    *texts: str,
    rules: tuple[str, ...] = (),
    steps: tuple[str, ...] = (),
    source: str = "Mbed TLS, library/x509_crt.c and error.h",
    vague: bool = False,
    alone: tuple[str, ...] = (),
) -> Message:
    return Message(
        f"mbedtls-{id_}", "ESP32 (Mbed TLS)", matter, source, texts, Platform.MBEDTLS, rules,
        steps, vague, alone=alone,
    )  # fmt: skip


MESSAGES = (
    _mbed(
        "not-signed",
        matters.UNTRUSTED,
        "The certificate is not correctly signed by the trusted CA",
        rules=("MBD-02", "ESP-01"),
        steps=(_ESP_ROOT,),
    ),
    _mbed(
        "no-root",
        matters.UNTRUSTED,
        "No matching trusted root certificate found",
        "esp-x509-crt-bundle: Failed to verify certificate",
        source="ESP-IDF, esp_crt_bundle.c",
        rules=("ESP-01",),
        steps=(_ESP_ROOT,),
    ),
    _mbed(
        "2700",
        matters.UNVERIFIED,
        "returned -0x2700",
        "-0x2700",
        "(-9984)",
        "X509 - Certificate verification failed",
        "Failed to verify peer certificate",
        rules=("ESP-01", "MBD-02"),
        steps=(_ESP_ROOT, _CLOCK),
        alone=("-9984",),
    ),
    _mbed(
        "3000",
        matters.UNVERIFIED,
        "returned -0x3000",
        "X509 - A fatal error occurred, e.g. the chain is too long",
        "X509 - A fatal error occurred, eg the chain is too long",
        steps=(_ESP_ROOT,),
    ),
    _mbed(
        "2562",
        matters.CRITICAL,
        "-0x2562",
        "X509 - The extension tag or value is invalid : ASN1 - ASN1 tag was of an unexpected",
        rules=("MBD-01", "NC-13"),
        alone=("-9570",),
    ),
    _mbed("2500", matters.MALFORMED, "-0x2500", "X509 - The extension tag or value is invalid"),
    _mbed(
        "2180",
        matters.NOT_PEM,
        "-0x2180",
        "X509 - The CRT/CRL/CSR format is invalid, e.g. different type expected",
        "X509 - Certificate format is invalid, e.g. different type expected",
    ),
    _mbed("name", matters.NAME, "does not match with the expected CN", rules=("MBD-02",)),
    _mbed("expired", matters.ENDED, "The certificate validity has expired", steps=(_CLOCK,)),
    _mbed(
        "future", matters.NOT_YET, "The certificate validity starts in the future", steps=(_CLOCK,)
    ),
    _mbed("weak-hash", matters.WEAK_HASH, "The certificate is signed with an unacceptable hash"),
    _mbed(
        "weak-key",
        matters.WEAK_KEY,
        "The certificate is signed with an unacceptable key",
        rules=("MBD-02",),
    ),
    _mbed("key-kind", matters.KEY_KIND, "The certificate is signed with an unacceptable PK alg"),
    _mbed("key-usage", matters.KEY_USAGE, "Usage does not match the keyUsage extension"),
    _mbed("usage", matters.WRONG_USE, "Usage does not match the extendedKeyUsage extension"),
    _mbed(
        "7780", matters.HANDSHAKE, "-0x7780", "SSL - A fatal alert message was received from our"
    ),
    _mbed("7200", matters.TLS_TO_PLAIN, "-0x7200", "SSL - An invalid SSL record was received"),
    _mbed(
        "esp-tls",
        matters.HANDSHAKE,
        "esp-tls: Failed to open new connection",
        "ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED",
        "mbedtls_ssl_handshake returned",
        source="ESP-IDF, esp_tls.c",
        vague=True,
    ),
)
