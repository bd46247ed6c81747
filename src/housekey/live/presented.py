"""The certificate that a server presents, taken down without judging it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from housekey.live.tls import context_trusting_anyone

if TYPE_CHECKING:
    from cryptography import x509

LOOK_SECONDS = 5.0


async def presented_by(host: str, port: int) -> x509.Certificate | None:
    """Return the leaf that is presented at `host` and `port`; None when no TLS comes about.

    Nobody is trusted and nothing is sent: for telling which certificate a server
    has loaded, never for talking to it.
    """
    from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415

    try:
        async with asyncio.timeout(LOOK_SECONDS):
            _, writer = await asyncio.open_connection(
                host, port, ssl=context_trusting_anyone(), server_hostname=host
            )
    except (OSError, UnicodeError, TimeoutError):
        return None
    encoded = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()  # it was only a look
    return load_der_x509_certificate(encoded) if encoded else None
