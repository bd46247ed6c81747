"""The root's key, awake for as long as it takes to sign with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.errors import HouseBroken, PemUnreadable, RecoveryCodeWrong
from housekey.house import generations
from housekey.house.leaves import read_key
from housekey.house.reasons import told
from housekey.house.together import where
from housekey.pki.encoding import matches
from housekey.pki.keys import PrivateKey

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.x509 import Certificate

    from housekey.house.files import Files
    from housekey.house.house import House
    from housekey.house.recovery import RecoveryCode

SEALED_ROOT_KEY = generations.SEALED_ROOT_KEY
SEALED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"


def open_root_key(house: House, code: RecoveryCode) -> PrivateKey:
    """Open the sealed key of this house's root with its recovery code.

    Raises as `root_key_of` does.
    """
    path = where(house.folder, SEALED_ROOT_KEY) or house.folder / SEALED_ROOT_KEY
    return root_key_of(house.root, path, code, files=house.files)


def root_key_of(root: Certificate, path: Path, code: RecoveryCode, *, files: Files) -> PrivateKey:
    """Open the key of `root`, sealed at `path`.

    Raises `RecoveryCodeWrong` for the code of another house, `HouseBroken` if the sealed key is
    not there, damaged, or of another root, `HouseUnsafe` if it is open to others.
    """
    with told(path):
        there = path.is_file()
    if not there:
        raise HouseBroken(
            f"the root's key is not kept in {path.parent}: there is no {path.name}",
            hint=f"put {path.name} there from where you keep it, or from a backup of the house",
        )
    sealed = read_key(path, files=files)
    if SEALED not in sealed:
        raise _broken(path, "it is not a sealed key")
    try:
        key = PrivateKey.from_pem(sealed, code.secret)
    except PemUnreadable as error:
        raise RecoveryCodeWrong(
            f"the recovery code does not open {path}",
            hint="it has no typo: it is the code of another house, or of an earlier root of this"
            " one, or the file is damaged",
        ) from error
    if not matches(root, key):
        raise _broken(path, "it is the key of another root")
    return key


def _broken(path: Path, reason: str) -> HouseBroken:
    return HouseBroken(f"{path} cannot be used: {reason}", hint="put it back from a backup")
