"""The leaves of a house: one folder each, with the pair that is served and the one before it.

Two files cannot be replaced in one step. The key goes first, so what a kill in between leaves is
the old certificate beside the new key; its own key is then still there as the previous one, and
`read_leaf` takes the two that belong together.
"""

from __future__ import annotations

import contextlib
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, unquote

from housekey.errors import (
    FileTrouble,
    HouseBroken,
    HousekeyError,
    HouseUnsafe,
    PemUnreadable,
    UsageError,
)
from housekey.house.reasons import told
from housekey.pki.encoding import certificate_from_pem, certificates_from_pem, matches
from housekey.pki.profiles import DAYS_OF_LEAF

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from cryptography.x509 import Certificate

    from housekey.house.files import Files
    from housekey.pki.keys import KeyType, PrivateKey, Secret
    from housekey.pki.names import Name

_T = TypeVar("_T")

# The leaf that the onboarding page's proof is made with; "_" keeps its folder apart from any name.
ONBOARDING = "_onboarding-page"
CERTIFICATE = "certificate.pem"
KEY = "privkey.pem"
PREVIOUS_CERTIFICATE = "certificate.previous.pem"
PREVIOUS_KEY = "privkey.previous.pem"


@dataclass(frozen=True, slots=True)
class Leaf:
    label: str  # what it is for; its folder is named after it
    folder: Path
    certificate: Certificate
    chain_pem: bytes = field(repr=False)  # what a server presents: see House.chain_of
    key_pem: Secret
    key_type: KeyType
    names: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class PublicLeaf:
    """A leaf as everybody may see it: without its key, which takes longer to read than it."""

    label: str
    certificate: Certificate
    chain_pem: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A leaf that is there and cannot be read."""

    label: str
    trouble: HousekeyError  # why, and what mends it

    @property
    def state(self) -> str:
        """In one word: unsafe is a whole one whose key is open to others."""
        return "unsafe" if isinstance(self.trouble, HouseUnsafe) else "damaged"


def read_each(
    labels: Iterable[str], read: Callable[[str], _T | None]
) -> tuple[tuple[_T, ...], tuple[Unreadable, ...]]:
    """Read the leaf of each label with `read`; one that cannot be read hides no other.

    Returns those that are there, and those that cannot be read.
    """
    found: list[_T] = []
    unreadable = []
    for label in labels:
        try:
            leaf = read(label)
        except HousekeyError as trouble:
            unreadable.append(Unreadable(label, trouble))
        else:
            found += [] if leaf is None else [leaf]
    return tuple(found), tuple(unreadable)


def is_due(certificate: Certificate, *, now: datetime) -> bool:
    """Whether two thirds of its life are over: a third is left to renew it in."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now >= end - (end - begin) / 3


def days_asked_for(leaf: Leaf) -> int:
    """Return for how many days `leaf` was meant, so that it can be issued again.

    One that ends with its issuer was cut short by it; what is asked for then is the usual.
    """
    certificate, *above = certificates_from_pem(leaf.chain_pem)
    ends = certificate.not_valid_after_utc
    if above and ends == above[0].not_valid_after_utc:
        return DAYS_OF_LEAF
    return max((ends - certificate.not_valid_before_utc).days, 1)


def folder_name(label: str) -> str:
    """Name the folder for `label`, so that two labels never meet: `*.lan` is `%2A.lan`.

    Raises `UsageError` for a label that is empty or too long.
    """
    name = quote(label.lower(), safe="")
    if not 1 <= len(name) <= 200:
        raise UsageError(
            f"{label!r} cannot be the name of a certificate's folder",
            hint="choose one of 1 to 200 plain letters",
        )
    return "%2E" + name[1:] if name.startswith(".") else name


def label_of(name: str) -> str:
    """Tell the label from the name of its folder."""
    return unquote(name)


def read_leaf(leaves: Path, label: str, *, files: Files) -> Leaf | None:
    """Read the leaf in its folder under `leaves`; None if there is none.

    Raises `HouseBroken` if it is damaged, `HouseUnsafe` if its key is open to others.
    """
    return _read(leaves / folder_name(label), label, CERTIFICATE, files=files)


def read_previous(leaves: Path, label: str, *, files: Files) -> Leaf | None:
    """Read the leaf that was served before it, as `read_leaf` does; None if there is none."""
    return _read(leaves / folder_name(label), label, PREVIOUS_CERTIFICATE, files=files)


def _read(folder: Path, label: str, named: str, *, files: Files) -> Leaf | None:
    from housekey.pki.keys import PrivateKey  # noqa: PLC0415 - who only looks needs no keys

    path = folder / named
    if not path.exists():
        return None
    try:
        chain_pem = files.read(path)
        certificate = certificate_from_pem(chain_pem)
        for key_path in (folder / KEY, folder / PREVIOUS_KEY):
            if key_path.exists():
                key = PrivateKey.from_pem(read_key(key_path, files=files))
                if matches(certificate, key):
                    return _leaf(folder, label, certificate, chain_pem, key)
    except PemUnreadable as error:
        raise HouseBroken(f"the leaf in {folder}: {error.message}", hint=_AGAIN) from error
    raise HouseBroken(
        f"the certificate in {folder} and the key beside it do not belong together", hint=_AGAIN
    )


def read_public(
    leaves: Path, label: str, *, files: Files, named: str = CERTIFICATE
) -> PublicLeaf | None:
    """Read a leaf, or the one before it (`named`), without its key; None if there is none.

    Whether key and certificate belong together is not seen. Raises as `read_leaf` otherwise.
    """
    folder = leaves / folder_name(label)
    if not (folder / named).exists():
        return None
    for name in (KEY, PREVIOUS_KEY):
        if (folder / name).exists():
            refuse_if_open(folder / name, "key")
    try:
        chain_pem = files.read(folder / named)
        return PublicLeaf(label.lower(), certificate_from_pem(chain_pem), chain_pem)
    except PemUnreadable as error:
        raise HouseBroken(f"the leaf in {folder}: {error.message}", hint=_AGAIN) from error


def write_leaf(
    leaves: Path,
    label: str,
    *,
    certificate: Certificate,
    chain_pem: bytes,
    key: PrivateKey,
    present: Leaf | None,
    files: Files,
) -> Leaf:
    """Make this pair the one to serve, and what `present` is the previous one.

    A failure leaves all four files as they were: a server may present them from where they lie,
    and must not find a key there that is not the certificate's.
    """
    folder = leaves / folder_name(label)
    files.make_folder(folder, 0o700)
    with leaf_stays_on_failure(leaves, label, files=files):
        if present is not None:
            files.write(folder / PREVIOUS_KEY, present.key_pem, mode=0o600)
            files.write(folder / PREVIOUS_CERTIFICATE, present.chain_pem, mode=0o600)
        files.write(folder / KEY, key.to_pem(), mode=0o600)
        files.write(folder / CERTIFICATE, chain_pem, mode=0o600)
    return _leaf(folder, label, certificate, chain_pem, key)


def way_back_of(leaves: Path, label: str, *, files: Files) -> Callable[[], None]:
    """Return what makes the leaf under `label` what it is now; it raises `FileTrouble`.

    A kill in between leaves a pair that belongs together, as `read_leaf` says.
    """
    folder = leaves / folder_name(label)
    names = (CERTIFICATE, KEY, PREVIOUS_CERTIFICATE, PREVIOUS_KEY)
    before = [(folder / name, files.snapshot(folder / name)) for name in names]

    def go() -> None:
        # In this order, and no further than it goes: the previous key is the only one that
        # belongs to the certificate until that has its own again.
        for path, was in before:
            if files.snapshot(path) != was:
                files.restore(path, was)

    return go


@contextlib.contextmanager
def leaf_stays_on_failure(leaves: Path, label: str, *, files: Files) -> Iterator[None]:
    """Give the leaf under `label` its four files back, as they are now, when the block fails."""
    go_back = way_back_of(leaves, label, files=files)
    try:
        with files.room(leaves.parent):
            yield
    except BaseException:
        with contextlib.suppress(FileTrouble):
            go_back()
        raise


def read_key(path: Path, *, files: Files) -> bytes:
    """Read a key of the house. Raises `HouseUnsafe` if it is open to others than its owner."""
    refuse_if_open(path, "key")
    return files.read(path)


def refuse_if_open(path: Path, kind: str, *, mode: int | None = None) -> None:
    """Raise `HouseUnsafe` if anybody but the owner may read, change or enter `path`.

    `mode` is what the system said of it, for who has asked.
    """
    if mode is None:
        with told(path):
            mode = path.stat().st_mode
    if mode & 0o077:
        wanted = "700" if stat.S_ISDIR(mode) else "600"
        raise HouseUnsafe(
            f"the {kind} {path} is open to other users of this machine"
            f" (mode {stat.S_IMODE(mode):o})",
            hint=f"chmod {wanted} {path}; and then, if somebody else may have read it:"
            " housekey house rotate --leaked",
        )


_AGAIN = "move that folder away; housekey secure or housekey cert new makes it again"


def _leaf(
    folder: Path, label: str, certificate: Certificate, chain_pem: bytes, key: PrivateKey
) -> Leaf:
    from housekey.pki.names import names_of  # noqa: PLC0415 - as above

    return Leaf(
        label=label.lower(),
        folder=folder,
        certificate=certificate,
        chain_pem=chain_pem,
        key_pem=key.to_pem(),
        key_type=key.key_type,
        names=names_of(certificate),
    )
