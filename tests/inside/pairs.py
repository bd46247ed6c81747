"""New pairs for the renewals of a test, each with another kind of key than the one before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from housekey.pki.encoding import chain_to_pem, fingerprint
from housekey.pki.issuing import Issuer, issue_leaf
from housekey.pki.keys import KeyType, PrivateKey

if TYPE_CHECKING:
    from pathlib import Path

    from housekey.pki.names import Name

KINDS = (KeyType.ECDSA_P256, KeyType.RSA_2048, KeyType.ECDSA_P384)


@dataclass(frozen=True, slots=True)
class Written:
    """A pair in files."""

    certificate: Path
    key: Path
    sha256: str  # of the leaf


def write_pair(folder: Path, number: int, names: tuple[Name, ...], *, by: Issuer) -> Written:
    """Issue the pair of that number and write it."""
    key = PrivateKey.generate(KINDS[number % len(KINDS)])
    leaf = issue_leaf(public_key=key.public_key, names=names, issuer=by, now=datetime.now(UTC))
    written = Written(folder / f"{number}.pem", folder / f"{number}.key", fingerprint(leaf))
    written.certificate.write_bytes(chain_to_pem([leaf, by.certificate]))
    written.key.touch(mode=0o600)
    written.key.write_bytes(key.to_pem().reveal())
    return written
