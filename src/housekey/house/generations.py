"""The generations of a house: today's root, the one beside it for a time, and those that are over.

    root.pem, root.key.sealed, issuing.pem, issuing.key     today's, always
    rotation.json      while two roots count: which kind of overlap, since when, what was before
    cross.pem          today's root, vouched for by the one before (kind "crossed")
    proving.pem/.key   what signs the leaf of the onboarding page's proof meanwhile; see below
    next/              the generation that is to come (kind "waiting")
    old/0001/, …       earlier ones; dropped.json says that one is over, since when and why

A server that presents leaf, issuing CA and cross is accepted by who knows the old root, and by
who knows the new one. That is what a proof must not be: it has to tell them apart. To leave the
cross out of the proof's chain is not enough, for a client may have kept it from what Home
Assistant presented, and build its paths with it (RFC 4158 tells how). So the proof's leaf is
signed by an authority that is one further away from the root, and the cross lets only one follow
it (RFC 5280 4.2.1.9; that all engines hold to it: tests/engines/test_rotation.py).
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from housekey.errors import HouseBroken, PemUnreadable
from housekey.house.reasons import told
from housekey.house.together import CHANGED, read_together
from housekey.pki.encoding import certificates_from_pem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cryptography.x509 import Certificate

    from housekey.house.files import Files

ROOT = "root.pem"
SEALED_ROOT_KEY = "root.key.sealed"
ISSUING = "issuing.pem"
ISSUING_KEY = "issuing.key"
ROTATION = "rotation.json"
CROSS = "cross.pem"
PROVING = "proving.pem"  # the authority that signs the proof's leaf, and the one above it
PROVING_KEY = "proving.key"
NEXT = "next"
OLD = "old"
DROPPED = "dropped.json"

FROM_BACKUP = (
    "housekey house check says what is broken; housekey house restore brings a backup back"
)
_NEXT_ROOT, _NEXT_ISSUING = f"{NEXT}/{ROOT}", f"{NEXT}/{ISSUING}"


class Kind(StrEnum):
    """How two roots are there at a time."""

    CROSSED = "crossed"  # the old one vouches for the new one, which is today's
    WAITING = "waiting"  # the old one is today's; the new one waits until devices know it


class Why(StrEnum):
    """Why a root is over."""

    ROTATED = "rotated"  # in good order
    LEAKED = "leaked"  # somebody else may have its key, or that of its issuing CA
    ENDED = "ended"  # by its own date


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two roots at a time."""

    kind: Kind
    since: datetime
    old_root: Certificate
    new_root: Certificate
    cross: Certificate | None  # the new root, signed by the old one


@dataclass(frozen=True, slots=True)
class Former:
    """A generation that was there before."""

    number: str  # its folder under old/
    root: Certificate
    issuing: Certificate | None
    dropped: datetime | None  # None: it still counts, beside today's
    why: Why | None


@dataclass(frozen=True, slots=True)
class Generations:
    """All of them."""

    root: Certificate
    issuing: Certificate
    overlap: Overlap | None
    proving: tuple[Certificate, Certificate] | None  # who signs the proof's leaf, and who signs it
    next_issuing: Certificate | None
    former: tuple[Former, ...]  # oldest first

    def previous(self) -> Former | None:
        """Return the generation that an overlap may go back to."""
        return next((each for each in reversed(self.former) if each.dropped is None), None)

    @property
    def leaked(self) -> tuple[Former, ...]:
        """Return those whose leaves' keys somebody else may have: all up to the last that leaked.

        What leaked is the folder, and the leaves of the generations before it lay there as well.
        """
        numbers = (at for at, each in enumerate(self.former, 1) if each.why is Why.LEAKED)
        return self.former[: max(numbers, default=0)]


def read_generations(folder: Path, *, files: Files) -> Generations:
    """Read what the house in `folder` says of its roots, as of one moment.

    Raises `HouseBroken` for what is missing, damaged, or does not belong together, and
    `FileTrouble`.
    """
    numbers = old_numbers(folder)
    while True:
        old = [f"{OLD}/{number}/{name}" for number in numbers for name in (ROOT, ISSUING, DROPPED)]
        read = read_together(
            folder,
            (ROOT, ISSUING, ROTATION, CROSS, PROVING, _NEXT_ROOT, _NEXT_ISSUING, *old),
            files=files,
        )
        if (now := old_numbers(folder)) == numbers:
            break
        numbers = now  # one has come or gone meanwhile
    return generations_in(folder, read, numbers)


def old_numbers(folder: Path) -> tuple[str, ...]:
    """Return the names of the folders of earlier generations, oldest first."""
    found = set()
    for old in (folder / OLD, folder / CHANGED / "new" / OLD):
        with told(old), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            found |= {path.name for path in old.iterdir() if path.name.isdecimal()}
    return tuple(sorted(found, key=int))


def next_number(folder: Path) -> str:
    """Return the name of the folder for one more."""
    numbers = old_numbers(folder)
    return f"{int(numbers[-1]) + 1 if numbers else 1:04}"


def is_by(certificate: Certificate, authority: Certificate) -> bool:
    """Whether `certificate` names `authority`, and its very key, as who signed it."""
    if certificate.issuer != authority.subject:
        return False
    try:
        key_id = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        own = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return key_id.key_identifier == own.digest


def generations_in(
    folder: Path, read: Mapping[str, bytes | None], numbers: tuple[str, ...]
) -> Generations:
    """Work out the generations of what was read; `folder` is where it was, for people.

    Raises `HouseBroken` as `read_generations` does.
    """
    root = _certificate(folder, read, ROOT)
    issuing = _certificate(folder, read, ISSUING)
    _must_be_signed(folder, issuing, root, ISSUING, ROOT)
    # A folder may still stand of which `changed` says that everything in it was removed.
    former = tuple(_former(folder, read, number) for number in numbers if _holds(read, number))
    overlap, proving, next_issuing = None, None, None
    if read[ROTATION] is None and any(read[name] for name in (CROSS, PROVING, _NEXT_ROOT)):
        # Without it the cross would silently be sent no more, to devices that still need it.
        raise HouseBroken(f"the house in {folder} lacks {ROTATION}", hint=FROM_BACKUP)
    if (rotation := read[ROTATION]) is not None:
        try:
            said = json.loads(rotation)
            kind, since = Kind(said["kind"]), datetime.fromisoformat(said["since"])
        except (ValueError, KeyError, TypeError) as error:
            raise HouseBroken(
                f"{folder / ROTATION} is damaged, or of a newer housekey", hint=FROM_BACKUP
            ) from error
        if kind is Kind.CROSSED:
            standing = [each for each in former if each.dropped is None]
            if not standing:
                raise HouseBroken(f"the house in {folder} lacks its old root", hint=FROM_BACKUP)
            old_root = standing[-1].root
            cross = _certificate(folder, read, CROSS)
            _must_be_signed(folder, cross, old_root, CROSS, f"{OLD}/{standing[-1].number}/{ROOT}")
            if cross.public_key() != root.public_key() or cross.subject != root.subject:
                raise _apart(folder, CROSS, ROOT)
            signer, above = _certificates(folder, read, PROVING, 2)
            proving = (signer, above)
            overlap = Overlap(kind, since, old_root, root, cross)
        else:
            new_root = _certificate(folder, read, _NEXT_ROOT)
            next_issuing = _certificate(folder, read, _NEXT_ISSUING)
            _must_be_signed(folder, next_issuing, new_root, _NEXT_ISSUING, _NEXT_ROOT)
            overlap = Overlap(kind, since, root, new_root, None)
    return Generations(root, issuing, overlap, proving, next_issuing, former)


def dropped_json(why: Why, at: datetime) -> bytes:
    """Return what `dropped.json` of an earlier generation says."""
    return json.dumps({"at": at.isoformat(), "why": why.value}).encode() + b"\n"


def _holds(read: Mapping[str, bytes | None], number: str) -> bool:
    names = (ROOT, ISSUING, DROPPED)
    return any(read.get(f"{OLD}/{number}/{name}") is not None for name in names)


def _former(folder: Path, read: Mapping[str, bytes | None], number: str) -> Former:
    at = f"{OLD}/{number}"
    dropped = read[f"{at}/{DROPPED}"]
    try:
        said = None if dropped is None else json.loads(dropped)
        over = None if said is None else (datetime.fromisoformat(said["at"]), Why(said["why"]))
    except (ValueError, KeyError, TypeError) as error:
        raise HouseBroken(f"{folder / at / DROPPED} is damaged", hint=FROM_BACKUP) from error
    issuing = f"{at}/{ISSUING}"
    return Former(
        number=number,
        root=_certificate(folder, read, f"{at}/{ROOT}"),
        issuing=None if read[issuing] is None else _certificate(folder, read, issuing),
        dropped=over[0] if over else None,
        why=over[1] if over else None,
    )


def _certificate(folder: Path, read: Mapping[str, bytes | None], name: str) -> Certificate:
    return _certificates(folder, read, name, 1)[0]


def _certificates(
    folder: Path, read: Mapping[str, bytes | None], name: str, least: int
) -> tuple[Certificate, ...]:
    content = read[name]
    if content is None:
        raise HouseBroken(f"the house in {folder} lacks {name}", hint=FROM_BACKUP)
    try:
        found = certificates_from_pem(content)
    except PemUnreadable as error:
        raise HouseBroken(f"{folder / name}: {error.message}", hint=FROM_BACKUP) from error
    if len(found) < least:
        raise HouseBroken(f"{folder / name} holds too few certificates", hint=FROM_BACKUP)
    return found


def _must_be_signed(
    folder: Path, certificate: Certificate, issuer: Certificate, name: str, by: str
) -> None:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError) as error:
        raise _apart(folder, by, name) from error


def _apart(folder: Path, one: str, other: str) -> HouseBroken:
    return HouseBroken(f"{one} and {other} in {folder} do not belong together", hint=FROM_BACKUP)
