"""All that the platforms say, in one tuple."""

from __future__ import annotations

from housekey.platforms.messages import (
    android,
    apple,
    browsers,
    curl,
    gnutls,
    go,
    java,
    mbedtls,
    node,
    openssl,
    python,
    rustls,
    servers,
    windows,
)

MESSAGES = tuple(
    message
    for family in (
        browsers, apple, android, windows, openssl, curl, python, node, go, java, gnutls, rustls,
        mbedtls, servers,
    )
    for message in family.MESSAGES
)  # fmt: skip
