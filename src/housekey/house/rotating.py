"""A new root for a house that is there: made in memory, written as one, ended or taken back.

Three ways. **Crossed**: the old root vouches for the new one, so that every device goes on
accepting what servers present, whichever of the two it knows. **Waiting**: without the recovery
code the old root can vouch for nothing; the new one waits until the devices know it, and servers
go on under the old one. **At once**: whoever has a leaked key could speak for this home as long
as a device trusts the old root, and a root that has ended is accepted by nobody; so there is
nothing to wait for.

The caller holds the lock of the house; each change is one `replace_together`, so a kill leaves
the state from before or the one from after. A `House` that was open before has to `look_again`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cryptography.x509 import SubjectKeyIdentifier, load_der_x509_certificate
from cryptography.x509.oid import NameOID

from housekey.errors import HouseBroken, PemUnreadable, RotationRefused
from housekey.house.generations import (
    CROSS,
    DROPPED,
    FROM_BACKUP,
    ISSUING,
    ISSUING_KEY,
    NEXT,
    OLD,
    PROVING,
    PROVING_KEY,
    ROOT,
    ROTATION,
    Kind,
    Why,
    dropped_json,
    is_by,
    next_number,
)
from housekey.house.house import common_name_of
from housekey.house.leaves import ONBOARDING, read_key
from housekey.house.noting import note_done
from housekey.house.records import DEVICE_TRUSTS, ROOT_DROPPED, ROTATED
from housekey.house.recovery import RecoveryCode
from housekey.house.root_key import SEALED_ROOT_KEY
from housekey.house.together import replace_together, where
from housekey.pki.constraints import constraints_of
from housekey.pki.encoding import certificate_to_pem, chain_to_pem, fingerprint, matches
from housekey.pki.issuing import (
    Issuer,
    issue_cross,
    issue_intermediate,
    issue_issuing_ca,
    issue_root,
    must_be_born,
)
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.secret import Secret
from housekey.pki.subject import MOST_BYTES_OF_COMMON_NAME, Subject, subject_from

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate

    from housekey.house.house import House
    from housekey.house.ledger import JsonValue
    from housekey.pki.names import Name


_FILES = (ROOT, SEALED_ROOT_KEY, ISSUING, ISSUING_KEY)  # of one generation
_OF_OVERLAP = (CROSS, PROVING, PROVING_KEY, ROTATION)
# What housekey itself put at the end of a CN: the year and a mark of the key.
_TAIL = re.compile(r" \d{4} [0-9a-f]{4}$")


@dataclass(frozen=True, slots=True)
class NewRoot:
    """A generation that is not on disk yet; the only moment at which its code is known."""

    recovery_code: RecoveryCode
    root: Certificate
    issuing: Certificate
    cross: Certificate | None
    added: tuple[str, ...]  # what it may speak for that the old root may not
    how: Kind | Why  # Why: at once
    _others: tuple[Certificate, ...]  # more that were made, for the ledger
    _files: Mapping[str, bytes | Secret | None] = field(repr=False)

    def write(self, house: House) -> str | None:
        """Give the house its new root, or let it wait there. Raises `FileTrouble`: unchanged.

        What was made is recorded first: a certificate that is in use must never be missing from
        the ledger, and one too many there harms nobody. Returns why the ledger has no note of the
        change itself, as `note_done` does.
        """
        at = house.clock()
        ledger = house.ledger
        ledger.record_certificate(self.root, role="root", label=None, at=at)
        for each in (self.issuing, *self._others, *((self.cross,) if self.cross else ())):
            ledger.record_certificate(each, role="issuing", label=None, at=at)
        replace_together(house.folder, self._files, files=house.files)
        told: dict[str, JsonValue] = {"how": self.how.value, "old": fingerprint(house.root)}
        if self.added:
            told["added"] = self.added
        why_not = note_done(ledger, ROTATED, at=at, sha256=fingerprint(self.root), data=told)
        if isinstance(self.how, Why):
            why_not = _note_dropped(house, house.root, self.how.value, at) or why_not
        return why_not


def prepare_new_root(
    house: House, how: Kind | Why, *, old_key: PrivateKey | None = None, permit: Sequence[Name] = ()
) -> NewRoot:
    """Make a new root, its issuing CA and its recovery code, in memory.

    It may speak for what the old one may, and for `permit`. `how` is a kind of overlap, or why
    there is to be none; `old_key` is the old root's, for `Kind.CROSSED`. Raises `RotationRefused`
    while two roots overlap already, `PermitRefused`, `ClockWrong` before the old root's birth, and
    as `issue_leaf` for its dates.
    """
    must_have_one_root(house)
    now = house.clock()
    must_be_born(house.root.not_valid_before_utc, now=now)
    before = constraints_of(house.root)
    constraints = before.widened(permit)
    root_key, issuing_key = _key(), _key()
    subject, tail = _subjects(house, root_key, now=now)
    root = issue_root(key=root_key, subject=subject[0], constraints=constraints, now=now)
    signer = Issuer(root, root_key)
    issuing = issue_issuing_ca(
        public_key=issuing_key.public_key, subject=subject[1], root=signer, now=now
    )
    code = RecoveryCode.generate()
    new: dict[str, bytes | Secret | None] = {
        ROOT: certificate_to_pem(root),
        SEALED_ROOT_KEY: root_key.to_sealed_pem(code.secret),
        ISSUING: certificate_to_pem(issuing),
        ISSUING_KEY: issuing_key.to_pem(),
    }
    cross: Certificate | None = None
    others: tuple[Certificate, ...] = ()
    old = f"{OLD}/{next_number(house.folder)}"
    if how is Kind.WAITING:
        files = {f"{NEXT}/{name}": content for name, content in new.items()}
        files[ROTATION] = _rotation(how, now)
    elif how is Kind.CROSSED:
        assert old_key is not None  # noqa: S101 - the caller's promise
        cross = issue_cross(root, old_root=Issuer(house.root, old_key), now=now)
        others, proving_key = _proving(signer, subject[1], tail, now=now)
        files = {
            **new,
            **{f"{old}/{name}": content for name, content in _present(house).items()},
            CROSS: certificate_to_pem(cross),
            PROVING: chain_to_pem(others),
            PROVING_KEY: proving_key.to_pem(),
            ROTATION: _rotation(how, now),
        }
    else:
        assert isinstance(how, Why)  # noqa: S101 - for mypy
        files = {**new, **_over(house, old, how, now)}
    return NewRoot(
        recovery_code=code,
        root=root,
        issuing=issuing,
        cross=cross,
        added=before.added_by(permit),
        how=how,
        _others=others,
        _files=files,
    )


def must_have_one_root(house: House) -> None:
    """Raise `RotationRefused` while two roots overlap already."""
    if house.overlap is not None:
        raise RotationRefused(
            "the house has two roots already: a rotation is under way",
            hint="housekey house rotate shows where it stands; --finish or --abort ends it",
        )


def finish(house: House, *, keep_old_key: bool = False) -> str | None:
    """End the overlap: the old root counts no more, and today's is the new one.

    The private keys of the old generation are removed; with `keep_old_key` the sealed one of its
    root stays, under old/. Raises `RotationRefused` if there is no overlap, `HouseBroken` if the
    new one lacks a key, and `FileTrouble`. Returns what `note_done` does.
    """
    overlap, now = house.overlap, house.clock()
    if overlap is None:
        raise _nothing_to("finish")
    if overlap.kind is Kind.CROSSED:
        previous = house.generations.previous()
        assert previous is not None  # noqa: S101 - House.open has seen it
        old = f"{OLD}/{previous.number}"
        files: dict[str, bytes | Secret | None] = {
            f"{old}/{DROPPED}": dropped_json(Why.ROTATED, now),
            f"{old}/{ISSUING_KEY}": None,
        }
        if not keep_old_key:
            files[f"{old}/{SEALED_ROOT_KEY}"] = None
    else:
        old = f"{OLD}/{next_number(house.folder)}"
        files = _over(house, old, Why.ROTATED, now)
        if keep_old_key and (sealed := _present(house).get(SEALED_ROOT_KEY)):
            files[f"{old}/{SEALED_ROOT_KEY}"] = sealed
        files |= _in_use_again(house, NEXT, house.generations.next_issuing)
    replace_together(house.folder, {**files, **dict.fromkeys(_OF_OVERLAP)}, files=house.files)
    return _note_dropped(house, overlap.old_root, Why.ROTATED.value, now)


def abort(house: House) -> str | None:
    """Go back to the old root, as long as nobody relies on the new one.

    Raises `RotationRefused` if somebody does, or if there is no overlap, `HouseBroken` if the old
    one lacks a key, and `FileTrouble`. Returns what `note_done` does.
    """
    overlap, now = house.overlap, house.clock()
    if overlap is None:
        raise _nothing_to("abort")
    if relied := _relied_on(house):
        raise RotationRefused(
            f"it is too late to go back: {relied}",
            hint="housekey house rotate --finish goes on with the new root alone",
        )
    files: dict[str, bytes | Secret | None]
    if overlap.kind is Kind.CROSSED:
        previous = house.generations.previous()
        assert previous is not None  # noqa: S101 - House.open has seen it
        old = f"{OLD}/{previous.number}"
        files = _in_use_again(house, old, previous.issuing)
    else:
        files = {f"{NEXT}/{name}": None for name in _FILES}
    replace_together(house.folder, {**files, **dict.fromkeys(_OF_OVERLAP)}, files=house.files)
    return _note_dropped(house, overlap.new_root, "aborted", now)


def _relied_on(house: House) -> str:
    """Say who relies on the new root already; empty if nobody does."""
    overlap = house.overlap
    assert overlap is not None  # noqa: S101 - the caller has looked
    sha256 = fingerprint(overlap.new_root)
    proofs = [e for e in house.ledger.events(-1, kind=DEVICE_TRUSTS) if e.sha256 == sha256]
    if proofs:
        number = len(proofs)
        return f"{number} device{' has' if number == 1 else 's have'} proved the new root"
    if overlap.kind is Kind.CROSSED:
        for issued in house.ledger.certificates():  # all: a clock may have gone back since
            is_leaf = issued.role == "leaf" and issued.label != ONBOARDING
            if is_leaf and is_by(load_der_x509_certificate(issued.der), house.issuing):
                name = issued.label or (issued.names or ("a signed request",))[0]
                return f"{name} has a certificate under the new root"
    return ""


def _key() -> PrivateKey:
    return PrivateKey.generate(KeyType.ECDSA_P256)


def _proving(
    root: Issuer, subject: Subject, tail: str, *, now: datetime
) -> tuple[tuple[Certificate, Certificate], PrivateKey]:
    """Return who signs the proof's leaf and who is above it, and the key of the first.

    The key of the one above is forgotten here: it has signed all that it ever will.
    """
    above_key, key = _key(), _key()
    names = [common_name_of(role, subject.organization, tail=tail) for role in _PROVING_ROLES]
    above = issue_intermediate(
        public_key=above_key.public_key,
        subject=replace(subject, common_name=names[0]),
        root=root,
        now=now,
    )
    signer = issue_issuing_ca(
        public_key=key.public_key,
        subject=replace(subject, common_name=names[1]),
        root=Issuer(above, above_key),
        now=now,
    )
    return (signer, above), key


_PROVING_ROLES = ("housekey proof", "housekey proof CA")


def _subjects(
    house: House, root_key: PrivateKey, *, now: datetime
) -> tuple[tuple[Subject, Subject], str]:
    """Return the subjects of root and issuing CA, and the tail of their CNs.

    All fields are the old root's but the CN, by which people tell the two apart in the list of an
    iPhone (APL-24), and verifiers a root from who vouches for it.
    """
    mark = SubjectKeyIdentifier.from_public_key(root_key.public_key).digest.hex()[:8]
    taken = {_cn(house.root), *(_cn(each.root) for each in house.generations.former)}
    old = subject_from(house.root.subject)
    assert old is not None  # noqa: S101 - a root has a CN
    assert old.common_name is not None  # noqa: S101
    own = _TAIL.sub("", old.common_name)
    for length in (4, 8):
        tail = f"{now:%Y} {mark[:length]}"
        room = MOST_BYTES_OF_COMMON_NAME - len(f" {tail}")
        called = own.encode()[:room].decode(errors="ignore").rstrip() + f" {tail}"
        if called not in taken:
            break
    issuing = common_name_of("housekey issuing CA", old.organization, tail=tail)
    return (replace(old, common_name=called), replace(old, common_name=issuing)), tail


def _cn(certificate: Certificate) -> str:
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def _present(house: House) -> dict[str, bytes | Secret | None]:
    """Return the files of today's generation; without the sealed key if it is kept elsewhere."""
    content = {name: _content(house, name) for name in _FILES}
    return {name: each for name, each in content.items() if each is not None}


def _in_use_again(
    house: House, place: str, issuing: Certificate | None
) -> dict[str, bytes | Secret | None]:
    """Return what makes the generation in the folder `place` today's.

    Its root's sealed key may be kept elsewhere. Without the key of its issuing CA the house could
    issue nothing any more: raises `HouseBroken`, and it is as before.
    """
    content = {name: _content(house, f"{place}/{name}") for name in _FILES}
    key = content[ISSUING_KEY]
    if issuing is None or not isinstance(key, Secret) or not _is_key_of(issuing, key):
        raise HouseBroken(
            f"{place}/{ISSUING_KEY} in {house.folder} is missing, or not the key of its issuing CA",
            hint=FROM_BACKUP,
        )
    return {**content, **{f"{place}/{name}": None for name in _FILES}}


def _is_key_of(certificate: Certificate, pem: Secret) -> bool:
    try:
        return matches(certificate, PrivateKey.from_pem(pem.reveal()))
    except PemUnreadable:
        return False


def _content(house: House, name: str) -> bytes | Secret | None:
    path = where(house.folder, name)
    if path is None or not path.exists():
        return None
    if name.endswith(ISSUING_KEY):
        return Secret(read_key(path, files=house.files))
    return house.files.read(path)


def _over(house: House, old: str, why: Why, now: datetime) -> dict[str, bytes | Secret | None]:
    """Return what is kept of today's generation when it ends: its certificates, for the record."""
    return {
        f"{old}/{ROOT}": certificate_to_pem(house.root),
        f"{old}/{ISSUING}": certificate_to_pem(house.issuing),
        f"{old}/{DROPPED}": dropped_json(why, now),
    }


def _rotation(kind: Kind, now: datetime) -> bytes:
    return json.dumps({"kind": kind.value, "since": now.isoformat()}).encode() + b"\n"


def _note_dropped(house: House, root: Certificate, why: str, at: datetime) -> str | None:
    return note_done(house.ledger, ROOT_DROPPED, at=at, sha256=fingerprint(root), data={"why": why})


def _nothing_to(what: str) -> RotationRefused:
    return RotationRefused(
        f"there is nothing to {what}: the house has one root",
        hint="housekey house rotate gives it a new one",
    )
