"""All platforms that have rules, in the order in which verdicts are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms import (
    android,
    apple,
    chrome,
    chrome_android,
    firefox,
    gnutls,
    go,
    java,
    mbedtls,
    node,
    openssl,
    python,
    rustls,
    windows,
)

if TYPE_CHECKING:
    from housekey.platforms.model import Platform
    from housekey.platforms.rule import Client

CLIENTS: dict[Platform, Client] = {
    module.CLIENT.platform: module.CLIENT
    for module in (
        apple,
        android,
        chrome,
        chrome_android,
        firefox,
        windows,
        java,
        openssl,
        python,
        node,
        go,
        gnutls,
        rustls,
        mbedtls,
    )
}
