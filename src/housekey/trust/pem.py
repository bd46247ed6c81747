"""Files that hold certificates, searched for one by its own bytes; nothing here judges them.

Byte for byte, because a store is full of certificates of others, and a damaged one among them
must not keep ours from being found.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode

# "TRUSTED CERTIFICATE" is OpenSSL's own kind: the certificate, and what it is trusted for. A block
# that was cut short ends where the next one begins.
_BLOCK = re.compile(
    rb"-----BEGIN (TRUSTED |X509 |)CERTIFICATE-----((?:(?!-----BEGIN).)*?)"
    rb"-----END \1CERTIFICATE-----[ \t]*\r?\n?",
    re.DOTALL,
)


def holds(data: bytes, der: bytes) -> bool:
    """Whether `data`, in PEM or DER form, holds the certificate `der`."""
    return data == der or any(_is(block[2], der) for block in _BLOCK.finditer(data))


def certificates_in(data: bytes) -> tuple[bytes, ...]:
    """Return what each block of `data` holds, in DER form as far as it can be read."""
    return tuple(der for block in _BLOCK.finditer(data) if (der := _decoded(block[2])))


def without(data: bytes, der: bytes) -> bytes:
    """Return `data` without the certificate `der`; empty when no other certificate is left."""
    if data == der:
        return b""
    rest = _BLOCK.sub(lambda block: b"" if _is(block[2], der) else block[0], data)
    return rest if _BLOCK.search(rest) else b""


def _is(body: bytes, der: bytes) -> bool:
    return _decoded(body).startswith(der)  # what follows it in a TRUSTED one says for what


def _decoded(body: bytes) -> bytes:
    try:
        return b64decode(body)  # passes over line breaks
    except binascii.Error:
        return b""
