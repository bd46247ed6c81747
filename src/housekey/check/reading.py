"""Certificates from files that people name, or a refusal that says which file and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.errors import PemLocked, PemUnreadable
from housekey.pki.encoding import to_der
from housekey.pki.reading import MOST_BYTES, read

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography import x509

    from housekey.house.files import Files


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
    data = files.read(path, most_bytes=MOST_BYTES + 1)
    try:
        return read(data).whole().the_certificates()
    except PemLocked as error:
        raise PemUnreadable(
            f"{path}: {error.message}, and a certificate is meant",
            hint="name the certificate's own file; housekey pem convert takes one out of PKCS#12",
        ) from error
    except PemUnreadable as error:
        raise PemUnreadable(f"{path}: {error.message}", hint=error.hint) from error
