"""One NSS database, looked at and changed by `certutil`.

A certificate is addressed by the id that NSS gives it, the SHA-1 of its public key, and not by
its nickname: that may be anything, one with a colon is not found at all, and of two certificates
of one subject under one nickname certutil deletes either. What is found is told by its SHA-256.

A Firefox may bring an NSS that is newer than that of `certutil`, and keeps trust in another form:
CKO_TRUST of PKCS #11 3.2 instead of CKO_NSS_TRUST. An older certutil does not see it, does not
change it, and leaves it behind when it deletes the certificate; and Firefox goes by it, even where
the certificate is no more in the database but comes from a server (seen with certutil of NSS 3.87,
and Firefox ESR 153 with NSS 3.125). So there is `library`, the folder of the browser's own NSS,
which certutil is run with: it is asked what is there, and what is changed is changed in both forms.

Everything runs without a terminal: `-f /dev/null` is an empty password, and a database that has
another one refuses it instead of asking.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from housekey.errors import TrustFailed
from housekey.trust.acting import as_owner
from housekey.trust.nss_printed import Entry, entries, error_name, last_line

if TYPE_CHECKING:
    from pathlib import Path, PurePath

    from cryptography.x509 import Certificate

    from housekey.house.files import Owner
    from housekey.trust.store import Machine, Ran

TRUSTED_CA = "C,,"  # a CA for servers, not for mail nor for programs: PLATFORMS.md 10.2
_NO_PASSWORD = ("-f", "/dev/null")

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_NOT_THERE = "Could not find cert"


class Database:
    """The database in `folder`; `user` is whom the commands run as, None for ourselves."""

    def __init__(
        self, machine: Machine, folder: Path, *, user: Owner | None, library: Path | None = None
    ) -> None:
        self._machine = machine
        self._user = user
        self._library = library
        self.folder = folder

    @property
    def is_there(self) -> bool:
        """Whether it has been made."""
        return _is_file(self.folder / "cert9.db")

    @property
    def is_old(self) -> bool:
        """Whether there is only one in the format that Firefox left with release 58."""
        return not self.is_there and _is_file(self.folder / "cert8.db")

    @property
    def old_hint(self) -> str:
        """Say what is to be done where there is only such a one."""
        return (
            f"{self.folder} has only a database of before 2018 (cert8.db), which is not touched;"
            " start Firefox once with this profile, and it makes a new one"
        )

    @property
    def locked_out(self) -> str:
        """Say why whom the commands run as may not change it, or "".

        NSS itself calls a file that it may not read a bad database.
        """
        folder = self.folder
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        for path in (folder, self.folder / "cert9.db", self.folder / "key4.db"):
            if path.exists() and not self._may_change(path):
                other = path.stat().st_uid != self.user_id
                return f"{path} {'belongs to another user' if other else 'is write-protected'}"
        return ""

    def find(self, root: Certificate) -> Entry | None:
        """Return the entry of exactly `root`. Raises `TrustFailed` if it cannot be read."""
        wanted = root.fingerprint(hashes.SHA256())
        found = entries(self._list(root) or "")
        return next((entry for entry in found if entry.sha256 == wanted), None)

    def needs_password(self) -> bool:
        """Whether it has a password, which trust cannot be changed without."""
        ran = self._certutil("-K", *_NO_PASSWORD)
        return "SEC_ERROR_BAD_PASSWORD" in ran.err

    @property
    def password_hint(self) -> str:
        """Say what is to be done where there is a password."""
        return (
            f"{self.folder} has a password, without which its trust cannot be changed:"
            " import the root in the browser's settings, which ask for it"
        )

    def make(self) -> None:
        """Make it, as a browser makes it: without a password, for its owner alone."""
        self._machine.files.make_folder(self.folder, 0o700)
        self._must("-N", "--empty-password")

    def add(self, root: Certificate) -> None:
        """Put `root` in, trusted for servers. Raises `TrustFailed`; it is then as before."""
        before = self.find(root)
        try:
            self._add(root, TRUSTED_CA)
            if self._library is not None:
                self._must("-M", "-n", _uri(root), "-t", TRUSTED_CA, *_NO_PASSWORD, own=True)
        except TrustFailed:
            # In a database with a password certutil leaves the certificate, without trust.
            if before is None:
                self._delete(root)
            raise
        found = self.find(root)
        if found is None or not found.trusted:
            if before is None:
                self._delete(root)
            raise TrustFailed(
                f"certutil put the root into {self.folder}, and it is not trusted there",
                hint=f"see what is in it: certutil -L -d sql:{self.folder}",
            )

    def remove(self, root: Certificate) -> None:
        """Take out exactly `root`. Raises `TrustFailed`."""
        wanted = root.fingerprint(hashes.SHA256())
        others = [each for each in self._alike(root) if each[0].sha256 != wanted]
        # Another certificate of the same key and subject may be hit before ours is.
        for _ in range(len(others) + 1):
            if self.find(root) is None:
                break
            self._must("-D", "-n", _uri(root), *_NO_PASSWORD)
        if self._library is not None:
            # What trust is left goes with the certificate, so that has to be there once more.
            pem = root.public_bytes(serialization.Encoding.PEM)
            self._must("-A", "-n", _nickname(root), "-t", ",,", *_NO_PASSWORD, stdin=pem, own=True)
            for _ in range(len(others) + 1):
                if self.find(root) is None:
                    break
                self._must("-D", "-n", _uri(root), *_NO_PASSWORD, own=True)
        if self.find(root) is not None:
            raise TrustFailed(
                f"certutil did not take the root out of {self.folder}",
                hint=f"see what is in it: certutil -L -d sql:{self.folder}",
            )
        left = {entry.sha256 for entry, _ in self._alike(root)} if others else set()
        for entry, certificate in others:
            if entry.sha256 not in left:
                self._add_pem(certificate, "housekey " + entry.sha256.hex()[:16], entry.flags)

    def command(self, *arguments: str | PurePath, own: bool = True) -> list[str | PurePath]:
        """Return a command that runs as whom this database belongs to, with the browser's NSS."""
        if own and self._library is not None:
            arguments = ("env", f"LD_LIBRARY_PATH={self._library}", *arguments)
        return as_owner(self._user, arguments)

    @property
    def user_id(self) -> int:
        """Who may change it: the user that commands run as."""
        return os.geteuid() if self._user is None else self._user.uid

    def _may_change(self, path: Path) -> bool:
        if self._user is None:
            return os.access(path, os.R_OK | os.W_OK)
        status = path.stat()
        return status.st_uid == self.user_id and bool(status.st_mode & stat.S_IWUSR)

    def _alike(self, root: Certificate) -> list[tuple[Entry, bytes]]:
        """Return what has the root's subject, which NSS lists together: each with its PEM."""
        found = entries(self._list(root) or "")
        pems = _PEM.findall(self._list(root, "-a") or "")
        by_fingerprint = {_sha256_of_pem(pem): pem.encode() + b"\n" for pem in pems}
        return [(entry, by_fingerprint.get(entry.sha256, b"")) for entry in found]

    def _list(self, root: Certificate, *more: str) -> str | None:
        ran = self._certutil("-L", "-n", _uri(root), *more, *_NO_PASSWORD, own=True)
        if ran.code == 0:
            return ran.out
        if _NOT_THERE in ran.err:
            return None
        raise self._refused(ran)

    def _add(self, root: Certificate, flags: str) -> None:
        self._add_pem(root.public_bytes(serialization.Encoding.PEM), _nickname(root), flags)

    def _add_pem(self, pem: bytes, nickname: str, flags: str) -> None:
        self._must("-A", "-n", nickname, "-t", flags, *_NO_PASSWORD, stdin=pem)

    def _delete(self, root: Certificate) -> None:
        self._certutil("-D", "-n", _uri(root), *_NO_PASSWORD)

    def _must(self, *arguments: str, stdin: bytes = b"", own: bool = False) -> None:
        ran = self._certutil(*arguments, stdin=stdin, own=own)
        if ran.code != 0:
            raise self._refused(ran)

    def _certutil(self, *arguments: str, stdin: bytes = b"", own: bool = False) -> Ran:
        action, *rest = arguments
        command = self.command("certutil", action, "-d", f"sql:{self.folder}", *rest, own=own)
        return self._machine.run(command, stdin=stdin)

    def _refused(self, ran: Ran) -> TrustFailed:
        if ran.code == 127:
            return TrustFailed(
                f"the command could not be started: {last_line(ran.err) or 'certutil'}",
                hint="install certutil, and where another user's home is meant, setpriv",
            )
        name = error_name(ran.err)
        if name == "SEC_ERROR_BAD_PASSWORD":
            return TrustFailed(
                f"{self.folder} has a password, and trust cannot be changed without it",
                hint="import the root by the browser's own settings, which ask for it",
            )
        if name == "SEC_ERROR_READ_ONLY":
            return TrustFailed(
                f"{self.folder} cannot be written: {self.locked_out or 'it is read-only'}",
                hint="let it belong to its user again, or check the disk",
            )
        return TrustFailed(
            f"certutil cannot use the database in {self.folder}:"
            f" {name or last_line(ran.err) or f'it ended with {ran.code}'}",
            hint="close the browser and try again; a browser makes a new database"
            " where cert9.db and key4.db have been moved away",
        )


def _nickname(root: Certificate) -> str:
    return "housekey " + root.fingerprint(hashes.SHA256()).hex()[:16]


def _uri(root: Certificate) -> str:
    """Return the PKCS #11 address (RFC 7512) of what has this key, in the database itself.

    The token keeps out what a module such as p11-kit's shows of the system's store.
    """
    key_id = hashlib.sha1(_key_bytes(root), usedforsecurity=False).digest()
    quoted = "".join(f"%{byte:02X}" for byte in key_id)
    return f"pkcs11:token=NSS%20Certificate%20DB;id={quoted};type=cert"


def _key_bytes(root: Certificate) -> bytes:
    """Return what NSS takes the SHA-1 of (lib/pk11wrap/pk11cert.c, PK11_GetPubIndexKeyID)."""
    key = root.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        modulus = key.public_numbers().n
        return modulus.to_bytes((modulus.bit_length() + 7) // 8, "big")
    if isinstance(key, ec.EllipticCurvePublicKey):
        form = serialization.PublicFormat.UncompressedPoint
        return key.public_bytes(serialization.Encoding.X962, form)
    raise TrustFailed(
        "the root has a key of a kind that browsers do not accept",
        hint="a root is ECDSA or RSA: housekey check tells what each platform takes",
    )


def _sha256_of_pem(pem: str) -> bytes:
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415 - rarely needed

    return load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA256())


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
