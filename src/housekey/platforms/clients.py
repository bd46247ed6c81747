"""All platforms that have rules, in the order in which verdicts are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms import gnutls, go, java, mbedtls, node, openssl, python, rustls

if TYPE_CHECKING:
    from housekey.platforms.model import Platform
    from housekey.platforms.rule import Client

CLIENTS: dict[Platform, Client] = {
    module.CLIENT.platform: module.CLIENT
    for module in (java, openssl, python, node, go, gnutls, rustls, mbedtls)
}
