"""A backup of a house as one sealed file: pure, bytes in and bytes out.

Version 1, which docs/recovery.md tells to people who have no housekey:

    housekey backup 1\\n
    {"made": …, "opened-by": …, "kdf": "scrypt", "n": …, "r": 8, "p": 1, "salt": …,
     "check": …, "cipher": "chacha20-poly1305", "nonce": …}\\n     (one line; bytes in base64)
    what is sealed, to the end, its last 16 bytes the tag of Poly1305

scrypt (RFC 7914) makes 48 bytes of the passphrase (UTF-8, NFC) and the salt. The first 32 are the
key of ChaCha20-Poly1305 (RFC 8439), the other 16 are `check`: they tell a wrong passphrase from a
damaged file, and bind the file to one key. Both lines, as they stand, are the associated data: a
header that somebody changed opens nothing. The salt is new for every file, and so is the key.
"""

from __future__ import annotations

import json
import secrets
import unicodedata
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from housekey.errors import BackupRefused

if TYPE_CHECKING:
    from housekey.pki.secret import Secret

VERSION = 1
# 128 MiB and, on one core of 2026, a quarter of a second for each guess (measured: 2**14 takes
# 33 ms, 2**17 260 ms, 2**18 520 ms).
COST = 2**17
MOST_BYTES = 512 * 1024 * 1024  # of a whole file: the ledger of half a million certificates

_MAGIC = b"housekey backup "
_MOST_OF_A_LINE = 1024
_COSTS = tuple(2**power for power in range(10, 19))  # 256 MiB at most, whatever a header asks
_BLOCK, _PARALLEL = 8, 1
_SALT_BYTES, _KEY_BYTES, _CHECK_BYTES, _NONCE_BYTES = 16, 32, 16, 12
_TAG_BYTES = 16


class OpenedBy(StrEnum):
    """Which secret opens a backup."""

    PASSPHRASE = "passphrase"  # noqa: S105 - the word
    RECOVERY_CODE = "recovery-code"

    @property
    def told(self) -> str:
        return self.value.replace("-", " ")


@dataclass(frozen=True, slots=True)
class Header:
    """What a backup says of itself before it is opened; true only once it is."""

    made: datetime
    opened_by: OpenedBy
    cost: int
    salt: bytes
    check: bytes
    nonce: bytes
    length: int  # of both lines


def seal(
    content: bytes, secret: Secret, *, opened_by: OpenedBy, made: datetime, cost: int = COST
) -> bytes:
    """Seal `content` with `secret`, a passphrase or a recovery code.

    Raises `BackupRefused` for more than a backup may hold.
    """
    if len(content) > MOST_BYTES - 2 * _MOST_OF_A_LINE:
        raise BackupRefused(
            "the house is larger than a backup may be (512 MiB)",
            hint="see which file in its folder has grown, and move away what is not the house's",
        )
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    key, check = _stretched(secret, salt, cost)
    fields = {
        "made": made.isoformat(),
        "opened-by": opened_by.value,
        "kdf": "scrypt",
        "n": cost,
        "r": _BLOCK,
        "p": _PARALLEL,
        "salt": b64encode(salt).decode(),
        "check": b64encode(check).decode(),
        "cipher": "chacha20-poly1305",
        "nonce": b64encode(nonce).decode(),
    }
    header = b"%s%d\n%s\n" % (_MAGIC, VERSION, json.dumps(fields).encode())
    encrypted = ChaCha20Poly1305(key).encrypt(nonce, content, header)
    del content  # before there is one more of it
    return header + encrypted


def header_of(sealed: bytes, *, name: str) -> Header:
    """Read what a backup says of itself. `name` is the file's, for people.

    Raises `BackupRefused` for what is no backup, one of a newer housekey, or a damaged one.
    """
    first, end, rest = sealed[: 2 * _MOST_OF_A_LINE].partition(b"\n")
    if not first.startswith(_MAGIC):
        raise BackupRefused(
            f"{name} is not a backup of a house", hint="name a file that housekey house backup made"
        )
    version = first.removeprefix(_MAGIC)
    if end and version.isdigit() and version != b"%d" % VERSION:
        raise BackupRefused(
            f"{name} was made by a newer housekey (version {version[:9].decode()} of the format)",
            hint="update housekey, then try again",
        )
    second, end, _ = rest.partition(b"\n")
    length = len(first) + len(second) + 2
    if not end or version != b"%d" % VERSION or len(sealed) < length + _TAG_BYTES:
        raise _damaged(name)
    try:
        return _header(json.loads(second), length)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _damaged(name) from error


def unseal(sealed: bytes, secret: Secret, *, name: str) -> bytes:
    """Open a backup and return what is in it.

    Raises `BackupRefused` as `header_of` does, and for a wrong secret and a damaged file.
    """
    header = header_of(sealed, name=name)
    key, check = _stretched(secret, header.salt, header.cost)
    if not compare_digest(check, header.check):
        raise BackupRefused(
            f"the {header.opened_by.told} does not open {name}",
            hint="look for a typo; if you are sure of it, the beginning of the file is damaged:"
            " take another copy",
        )
    try:
        associated = sealed[: header.length]
        return ChaCha20Poly1305(key).decrypt(
            header.nonce, memoryview(sealed)[header.length :], associated
        )
    except InvalidTag as error:
        raise _damaged(name) from error


def _header(fields: Any, length: int) -> Header:
    """Take only what version 1 can mean. Raises ValueError, TypeError and KeyError."""
    fixed = {"kdf": "scrypt", "r": _BLOCK, "p": _PARALLEL, "cipher": "chacha20-poly1305"}
    if any(fields[field] != value for field, value in fixed.items()) or len(fields) != 10:
        raise ValueError("not as version 1")
    cost = fields["n"]
    if type(cost) is not int or cost not in _COSTS:
        raise ValueError("a cost without measure")
    made = datetime.fromisoformat(fields["made"])
    if made.tzinfo is None:
        raise ValueError("a time without a zone")
    return Header(
        made=made,
        opened_by=OpenedBy(fields["opened-by"]),
        cost=cost,
        salt=_bytes(fields["salt"], _SALT_BYTES),
        check=_bytes(fields["check"], _CHECK_BYTES),
        nonce=_bytes(fields["nonce"], _NONCE_BYTES),
        length=length,
    )


def _bytes(text: str, length: int) -> bytes:
    found = b64decode(text, validate=True)
    if len(found) != length:
        raise ValueError("not of this length")
    return found


def _stretched(secret: Secret, salt: bytes, cost: int) -> tuple[bytes, bytes]:
    kdf = Scrypt(salt=salt, length=_KEY_BYTES + _CHECK_BYTES, n=cost, r=_BLOCK, p=_PARALLEL)
    made = kdf.derive(_normal(secret.reveal()))
    return made[:_KEY_BYTES], made[_KEY_BYTES:]


def _normal(passphrase: bytes) -> bytes:
    """Give the same bytes for the same letters: macOS types an é as e and an accent (NFD)."""
    try:
        return unicodedata.normalize("NFC", passphrase.decode()).encode()
    except UnicodeDecodeError:
        return passphrase


def _damaged(name: str) -> BackupRefused:
    return BackupRefused(
        f"{name} is damaged: it is not what was written", hint="take another copy of this backup"
    )
