"""What a CA of one's own is asked to sign: the key, which stays in the house, and the request.

The key is on the disk before anybody gets a request for it. A new key leaves the one before it
beside it: its request may be with the CA just now, and the answer must still find its key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.errors import HouseBroken, PemUnreadable
from housekey.house.leaves import read_key
from housekey.house.road import REQUEST, REQUEST_CSR, REQUEST_KEY
from housekey.pki.keys import PrivateKey

if TYPE_CHECKING:
    from pathlib import Path

    from housekey.house.files import Files

REQUEST_PREVIOUS_KEY = "privkey.previous.pem"  # 0600


def requested_keys(house: Path, *, files: Files) -> tuple[PrivateKey, ...]:
    """Return the keys that a CA was asked to sign, the last one first; none if it never was.

    Raises `HouseBroken` for a file that is no key, `HouseUnsafe` for one that is open to others.
    """
    folder = house / REQUEST
    paths = (folder / REQUEST_KEY, folder / REQUEST_PREVIOUS_KEY)
    return tuple(_read(path, files=files) for path in paths if path.exists())


def keep_key(house: Path, key: PrivateKey, *, files: Files) -> None:
    """Make `key` the one that is to be signed. Raises `FileTrouble`."""
    folder = house / REQUEST
    files.make_folder(folder, 0o700)
    if (folder / REQUEST_KEY).exists():
        before = _read(folder / REQUEST_KEY, files=files)
        files.write(folder / REQUEST_PREVIOUS_KEY, before.to_pem(), mode=0o600)
    files.write(folder / REQUEST_KEY, key.to_pem(), mode=0o600)


def keep_request(house: Path, request_pem: bytes, *, files: Files) -> None:
    """Keep what the CA is asked. Raises `FileTrouble`."""
    files.write(house / REQUEST / REQUEST_CSR, request_pem, mode=0o600)


def _read(path: Path, *, files: Files) -> PrivateKey:
    try:
        return PrivateKey.from_pem(read_key(path, files=files))
    except PemUnreadable as error:
        raise HouseBroken(
            f"{path}: {error.message}",
            hint="move it away; housekey secure --csr FILE makes another, to be signed anew",
        ) from error
