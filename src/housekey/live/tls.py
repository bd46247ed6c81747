"""What a client of this house trusts: exactly one root, and no other.

One place for it, because the proof of a switch and every later call to Home Assistant
must decide alike.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509


def context_trusting(root: x509.Certificate) -> ssl.SSLContext:
    """Return a client context that trusts `root` alone and checks the name.

    As strict as Python 3.13 is by default (PLATFORMS.md, ten facts, no. 6: `VERIFY_X509_STRICT`),
    on every Python, so that what is proven here holds there too.
    """
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    # Given `cadata`, Python does not load the system's roots beside it.
    context = ssl.create_default_context(cadata=root.public_bytes(Encoding.DER))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def context_trusting_anyone() -> ssl.SSLContext:
    """Return a client context that looks but does not judge: for probes that send no secret."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
