"""Certificates from files that people name, or a refusal that says which file and why."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from housekey.errors import FileTrouble, PemUnreadable
from housekey.house.reasons import told
from housekey.pki.encoding import certificate_from_der, certificates_from_pem, to_der

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography import x509

    from housekey.house.files import Files

_AGAIN = "take the file again from where it came from"
_WHOLE = re.compile(
    rb"^-----BEGIN CERTIFICATE-----\s*$[^-]+^-----END CERTIFICATE-----\s*?$", re.MULTILINE
)
MOST_BYTES = 2 * 1024 * 1024  # all roots of a browser take 0.3 MiB


def chain_in(path: Path, files: Files) -> tuple[bytes, ...]:
    """Return the certificates in the file at `path` as DER, in its order.

    Raises FileTrouble or PemUnreadable.
    """
    return tuple(map(to_der, _certificates(path, files)))


def root_in(path: Path, files: Files) -> bytes:
    """Return the one root in the file at `path` as DER: its only certificate, or self-signed one.

    Raises FileTrouble or PemUnreadable.
    """
    found = _certificates(path, files)
    own = [each for each in found if each.subject == each.issuer]
    chosen = found if len(found) == 1 else own
    if len(chosen) != 1:
        raise PemUnreadable(
            f"{path}: it holds {len(found)} certificates, and it cannot be told which is the root",
            hint="put the root alone into a file, and name that one with --root",
        )
    return to_der(chosen[0])


def _certificates(path: Path, files: Files) -> tuple[x509.Certificate, ...]:
    with told(path):
        size = path.stat().st_size
    if size > MOST_BYTES:
        raise FileTrouble(
            path,
            f"it has {size >> 20} MiB, and no file of certificates is that large",
            hint="name the certificate's own file",
        )
    data = files.read(path)
    try:
        return _parsed(data)
    except PemUnreadable as error:
        raise PemUnreadable(f"{path}: {error.message}", hint=error.hint) from error


def _parsed(data: bytes) -> tuple[x509.Certificate, ...]:
    if not data.strip():
        raise PemUnreadable("it is empty", hint=_AGAIN)
    if b"-----BEGIN" not in data:
        return (certificate_from_der(data),)
    found = certificates_from_pem(data)
    # What is cut short, or runs into the next one, a server cannot read: a boundary of OpenSSL's
    # is a line of its own.
    begun = data.count(b"-----BEGIN CERTIFICATE-----")
    if len(found) != begun or len(_WHOLE.findall(data)) != begun:
        raise PemUnreadable(
            "one of its certificates is damaged: cut short, or two without a line break between",
            hint=_AGAIN,
        )
    return found
