"""A new issuing CA under the root that devices trust already: what the recovery code is for.

It needs the root, its sealed key and the code; all else of the house may be missing or damaged, so
this works on the folder and not on a `House`. What the old issuing CA has signed stays good under
the root until it ends, so nothing is interrupted; the leaves become due, for their chain is no
longer the one of today. The old issuing CA goes to `old/`, its key goes nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.x509 import SubjectKeyIdentifier

from housekey.errors import (
    HouseBroken,
    HouseExpired,
    HousekeyError,
    HouseMissing,
    LedgerNewer,
    PemUnreadable,
    RotationRefused,
)
from housekey.house.generations import (
    DROPPED,
    ISSUING,
    ISSUING_KEY,
    OLD,
    ROOT,
    ROTATION,
    Why,
    dropped_json,
    is_by,
    next_number,
    read_generations,
)
from housekey.house.house import LEDGER, House, common_name_of
from housekey.house.leaves import refuse_if_open
from housekey.house.ledger import SqliteLedger
from housekey.house.noting import note_done
from housekey.house.reasons import told
from housekey.house.rebuilding import rebuild
from housekey.house.records import RECOVERED
from housekey.house.root_key import SEALED_ROOT_KEY, root_key_of
from housekey.house.together import replace_together, settle, where
from housekey.house.who import who
from housekey.pki.constraints import constraints_of
from housekey.pki.encoding import (
    certificate_from_der,
    certificate_from_pem,
    certificate_to_pem,
    fingerprint,
)
from housekey.pki.issuing import Issuer, issue_issuing_ca
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.subject import Subject, subject_from

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from cryptography.x509 import Certificate

    from housekey.house.files import Files
    from housekey.house.ledger import IssuedCertificate, JsonValue, Ledger
    from housekey.house.recovery import RecoveryCode
    from housekey.pki.secret import Secret

_ITS_ROOT = "put root.pem there from a backup; it is also what your devices have installed"


@dataclass(frozen=True, slots=True)
class Remains:
    """What is there of a house, whole or not."""

    folder: Path
    root: Certificate
    issuing: Certificate | None  # None: missing, damaged, or not of this root
    has_key: bool  # the key of `issuing` is there, and is its key


@dataclass(frozen=True, slots=True)
class Recovered:
    """A house with a new issuing CA."""

    issuing: Certificate
    old: Certificate | None
    accepted: tuple[IssuedCertificate, ...]  # of the old one, and not ended: devices accept them
    ledger_rebuilt: bool
    due: tuple[str, ...] = ()  # labels whose certificate is not one of the new issuing CA
    not_noted: str | None = None  # why the ledger has no note of it
    not_seen: str | None = None  # why it is not known what is due


def must_be_there(folder: Path) -> None:
    """Raise `HouseMissing` if there is no root in `folder`, `FileTrouble` if nobody may look."""
    path = where(folder, ROOT)
    with told(folder):
        there = path is not None and path.is_file()
    if not there:
        raise HouseMissing(
            f"there is no {ROOT} in {folder}, and so no root to make an issuing CA under",
            hint=_ITS_ROOT,
        )


def remains_of(folder: Path, *, files: Files) -> Remains:
    """Look at what is there. The caller holds the lock of the house.

    Raises `HouseMissing` without a root, `HouseBroken` if it is damaged, `HouseUnsafe` for a
    folder that is open to others, `FileTrouble`.
    """
    settle(folder, files=files)
    must_be_there(folder)
    refuse_if_open(folder, "folder of the house")
    root = _certificate(files.read(folder / ROOT))
    if root is None:
        raise HouseBroken(
            f"{folder / ROOT} is damaged",
            hint=_ITS_ROOT,
        )
    constraints_of(root)
    snapshot = files.snapshot(folder / ISSUING)
    issuing = None if snapshot is None else _certificate(snapshot.data)
    if issuing is not None and not is_by(issuing, root):
        issuing = None
    key = files.snapshot(folder / ISSUING_KEY)
    return Remains(
        folder=folder,
        root=root,
        issuing=issuing,
        has_key=issuing is not None and key is not None and _is_key_of(issuing, key.data),
    )


def must_be_recoverable(remains: Remains, *, leaked: bool, now: datetime) -> None:
    """Raise `HouseExpired` if the root itself is over: nothing under it would be accepted.

    After a leak raise `RotationRefused` while two roots overlap: the keys of both lay in the same
    folder, and a new issuing CA under one of them would leave the other's to the thief.
    """
    if leaked and (remains.folder / ROTATION).exists():
        raise RotationRefused(
            "the house has two roots, and whoever has this folder has the keys of both",
            hint="housekey house rotate --finish, and then housekey house rotate --leaked",
        )
    end = remains.root.not_valid_after_utc
    if now >= end:
        raise HouseExpired(
            f"the root itself ended on {end:%Y-%m-%d}, and no new issuing CA can outlive it",
            hint="housekey house rotate makes a new root; if that date lies ahead, set this"
            " machine's clock right",
        )


def recover(
    remains: Remains, code: RecoveryCode, *, leaked: bool, files: Files, now: datetime
) -> Recovered:
    """Give the house a new issuing CA, with a new key, under its root.

    The caller holds the lock of the house. A ledger that is missing or damaged is rebuilt first.
    Raises as `root_key_of` and `must_be_recoverable` do, `ClockWrong`, and `FileTrouble`: then the
    house is as before.
    """
    folder, root, old = remains.folder, remains.root, remains.issuing
    must_be_recoverable(remains, leaked=leaked, now=now)
    root_key = root_key_of(root, folder / SEALED_ROOT_KEY, code, files=files)
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    issuing = issue_issuing_ca(
        public_key=key.public_key,
        subject=_subject(root, key, now=now),
        root=Issuer(root, root_key),
        now=now,
    )
    rebuilt = _mend_ledger(folder, files=files, now=now)
    new: dict[str, bytes | Secret | None] = {
        ISSUING: certificate_to_pem(issuing),
        ISSUING_KEY: key.to_pem(),
    }
    why = _why(old, leaked=leaked, now=now)
    if old is not None:
        place = f"{OLD}/{next_number(folder)}"
        new[f"{place}/{ROOT}"] = certificate_to_pem(root)
        new[f"{place}/{ISSUING}"] = certificate_to_pem(old)
        new[f"{place}/{DROPPED}"] = dropped_json(why, now)
    with SqliteLedger.open(folder / LEDGER) as ledger:
        # First: a certificate that is in use must never be missing from the ledger.
        if ledger.certificate(fingerprint(root)) is None:
            ledger.record_certificate(root, role="root", label=None, at=now)
        ledger.record_certificate(issuing, role="issuing", label=None, at=now)
        accepted = () if old is None else _accepted(ledger.certificates(), old, now=now)
        replace_together(folder, new, files=files)
        data: dict[str, JsonValue] = {"why": why.value}
        if old is not None:
            data["old"] = fingerprint(old)
        why_not = note_done(ledger, RECOVERED, at=now, sha256=fingerprint(issuing), data=data)
        due, not_seen = _due(folder, ledger, files=files, now=now)
    return Recovered(issuing, old, accepted, rebuilt, due, why_not, not_seen)


def _due(
    folder: Path, ledger: Ledger, *, files: Files, now: datetime
) -> tuple[tuple[str, ...], str | None]:
    """Look what is to be renewed now; a failure to look undoes nothing, and is the second.

    With the ledger that is open: nothing is opened again once the change stands.
    """
    try:
        generations = read_generations(folder, files=files)
        house = House(
            folder, generations=generations, ledger=ledger, files=files, clock=lambda: now
        )
        leaves, _ = house.each_leaf()  # of a damaged one house check tells
        return tuple(each.label for each in leaves if not house.is_current(each)), None
    except HousekeyError as trouble:
        return (), trouble.message


def _mend_ledger(folder: Path, *, files: Files, now: datetime) -> bool:
    try:
        SqliteLedger.open(folder / LEDGER).close()
    except LedgerNewer:
        raise
    except HouseBroken:
        rebuild(folder, files=files, at=now, by=who())
        return True
    return False


def _why(old: Certificate | None, *, leaked: bool, now: datetime) -> Why:
    if leaked:
        return Why.LEAKED
    return Why.ENDED if old is not None and now >= old.not_valid_after_utc else Why.ROTATED


def _accepted(
    certificates: tuple[IssuedCertificate, ...], old: Certificate, *, now: datetime
) -> tuple[IssuedCertificate, ...]:
    return tuple(
        each
        for each in certificates
        if each.role == "leaf"
        and each.not_after > now
        and is_by(certificate_from_der(each.der), old)
    )


def _subject(root: Certificate, key: PrivateKey, *, now: datetime) -> Subject:
    """The root's country and organization, and a CN that no other issuing CA of the house has."""
    old = subject_from(root.subject) or Subject(None)
    mark = SubjectKeyIdentifier.from_public_key(key.public_key).digest.hex()[:4]
    tail = f"{now:%Y} {mark}"
    return Subject(
        common_name=common_name_of("housekey issuing CA", old.organization, tail=tail),
        country=old.country,
        organization=old.organization,
    )


def _certificate(pem: bytes) -> Certificate | None:
    try:
        return certificate_from_pem(pem)
    except PemUnreadable:
        return None


def _is_key_of(certificate: Certificate, pem: bytes) -> bool:
    try:
        Issuer(certificate, PrivateKey.from_pem(pem))
    except (PemUnreadable, HouseBroken):
        return False
    return True
