"""The certificates in the files of a house, whatever its ledger says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.x509 import BasicConstraints, ExtensionNotFound

from housekey.errors import FileTrouble, PemUnreadable
from housekey.house.house import LEAVES
from housekey.house.leaves import label_of
from housekey.house.salvage import SavedCertificate
from housekey.pki.encoding import certificates_from_pem, fingerprint, to_der
from housekey.pki.profiles import BACKDATE

if TYPE_CHECKING:
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
    for path in sorted(folder.rglob("*.pem")):
        name = path.relative_to(folder)
        passed_over = name.parts[0] in (DAMAGED, _JOURNAL) or "key" in path.name
        if passed_over or any(part.startswith(".") for part in name.parts):
            continue
        try:
            certificates = certificates_from_pem(files.read(path))
        except (PemUnreadable, FileTrouble):
            unreadable.append(str(name))
            continue
        for number, certificate in enumerate(certificates):
            label = label_of(name.parts[1]) if name.parts[0] == LEAVES and number == 0 else None
            found.setdefault(fingerprint(certificate), (str(name), _row_for(certificate, label)))
    return found, tuple(unreadable)


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
