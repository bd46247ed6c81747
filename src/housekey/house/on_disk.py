"""The certificates in the files of a house, whatever its ledger says."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from cryptography.x509 import BasicConstraints, ExtensionNotFound

from housekey.errors import FileTrouble, PemUnreadable
from housekey.house.generations import ROOT
from housekey.house.house import LEAVES
from housekey.house.leaves import label_of
from housekey.house.road import PUBLIC
from housekey.house.salvage import SavedCertificate
from housekey.pki.encoding import (
    certificate_from_pem,
    certificates_from_pem,
    fingerprint,
    to_der,
)
from housekey.pki.profiles import BACKDATE
from housekey.pki.verifying import is_signed_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from cryptography.x509 import Certificate

    from housekey.house.files import Files
    from housekey.house.records import Role

DAMAGED = "damaged"  # ledgers that were given up
_JOURNAL = "journal"  # files of others


def certificates_here(
    folder: Path, *, files: Files
) -> tuple[dict[str, tuple[str, SavedCertificate]], tuple[str, ...]]:
    """Return the certificates in the files of the house by fingerprint, and what is none.

    With each the file that it was found in. Whoever adds a file to the house need not tell here.
    """
    found: dict[str, tuple[str, SavedCertificate]] = {}
    unreadable = []
    roots = tuple(_roots(folder, files))
    for path in sorted(folder.rglob("*.pem")):
        name = path.relative_to(folder)
        passed_over = name.parts[0] in (DAMAGED, _JOURNAL, PUBLIC) or "key" in path.name
        if passed_over or any(part.startswith(".") for part in name.parts):
            continue
        try:
            certificates = certificates_from_pem(files.read(path))
        except (PemUnreadable, FileTrouble):
            unreadable.append(str(name))
            continue
        for number, certificate in enumerate(certificates):
            in_leaves = name.parts[0] == LEAVES
            if in_leaves and number and not _is_ours(certificate, roots):
                continue  # of another CA: only what it signed for us belongs to the house
            label = label_of(name.parts[1]) if in_leaves and number == 0 else None
            found.setdefault(fingerprint(certificate), (str(name), _row_for(certificate, label)))
    return found, tuple(unreadable)


def _roots(folder: Path, files: Files) -> Iterator[Certificate]:
    """Yield the roots that can be read: today's, earlier ones and one to come."""
    for path in (folder / ROOT, *folder.glob(f"*/{ROOT}"), *folder.glob(f"*/*/{ROOT}")):
        with contextlib.suppress(PemUnreadable, FileTrouble):
            yield certificate_from_pem(files.read(path))


def _is_ours(certificate: Certificate, roots: Sequence[Certificate]) -> bool:
    return not roots or any(is_signed_by(certificate, root) for root in roots)


def _row_for(certificate: Certificate, label: str | None) -> SavedCertificate:
    # When it was issued, for all that can be known now.
    issued_at = certificate.not_valid_before_utc + BACKDATE
    return SavedCertificate(to_der(certificate), _role_of(certificate), label, issued_at)


def _role_of(certificate: Certificate) -> Role:
    own = certificate.issuer == certificate.subject
    try:
        basic = certificate.extensions.get_extension_for_class(BasicConstraints).value
    except (ExtensionNotFound, ValueError):
        basic = BasicConstraints(ca=False, path_length=None)
    if basic.ca:
        return "root" if own else "issuing"
    return "self-signed" if own else "leaf"
