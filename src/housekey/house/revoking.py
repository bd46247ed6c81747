"""Revoking certificates of a house: an entry in the ledger, and the list that is made from it.

The ledger is what counts. The list (`crl.der`) is made from the ledger's events alone and can be
made again at any time; it speaks for today's issuing CA, because no other key can sign for what
another CA issued. Callers hold `house_lock`.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509

from housekey.errors import FileTrouble, HousekeyError, PemUnreadable, RevokeRefused, UsageError
from housekey.house.labels import labels_meant, shown
from housekey.house.leaves import days_asked_for
from housekey.house.lock import house_lock
from housekey.house.records import REVOKED
from housekey.pki.crl import Entry, Reason, RevocationList, crl_from_der, number_after
from housekey.pki.encoding import certificate_from_der, fingerprint
from housekey.pki.subject import subject_from

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate

    from housekey.house.files import Files
    from housekey.house.house import House
    from housekey.house.leaves import Leaf
    from housekey.house.records import Event, IssuedCertificate, Ledger

CRL = "crl.der"  # in the house
LISTED = "crl-made"  # the kind of event

_SERIAL = re.compile(r"(?:0x)?([0-9a-f]{1,2}(?::[0-9a-f]{2})+|[0-9a-f]+)", re.IGNORECASE)
_WHOLE_HOUSE = "housekey house recover makes a new issuing CA, housekey house rotate a new root"


@dataclass(frozen=True, slots=True)
class Target:
    """A certificate that is to be revoked."""

    certificate: Certificate
    label: str | None  # None: signed for a key that somebody else keeps
    in_use: bool  # the one that the house keeps under its label now

    @property
    def serial(self) -> int:
        return self.certificate.serial_number


@dataclass(frozen=True, slots=True)
class Chosen:
    """What somebody meant who named a label, a host name or a serial number."""

    targets: tuple[Target, ...]  # to be revoked; empty when all are revoked already
    to_replace: Leaf | None  # what the house keeps, when that is revoked or about to be
    already: Event | None  # by which that one is revoked already


def choose(house: House, what: str, *, reason: Reason, now: datetime) -> Chosen:
    """Find out which certificates are meant.

    A label, or a name that one leaf alone has, means every certificate that was issued for it and
    is still good: each of them could speak for it. A serial number means that one; with
    `KEY_COMPROMISE` also the others for the same key. Raises `UsageError` for what is not there,
    `RevokeRefused` for what cannot be revoked.
    """
    asked = what.lower()
    leaf = _leaf_named(house, asked)
    if leaf is None and (number := _serial_in(asked)) is not None:
        return _by_serial(house, number, what, reason=reason, now=now)
    label = leaf.label if leaf else asked
    issued = house.ledger.certificates(label)
    if leaf is None and not issued:
        raise _unknown(house, what)
    return _chosen(house, label, leaf, issued, None, what=what, now=now)


def revoke(
    house: House,
    targets: Sequence[Target],
    *,
    reason: Reason,
    by: str,
    at: datetime,
    replacement: bool = True,
) -> None:
    """Record that `targets` are revoked. The list is a second step: `remake_crl`.

    Without `replacement` nothing renews them either.
    """
    with house.ledger.together():
        for target in targets:
            house.ledger.record_event(
                REVOKED,
                at=at,
                by=by,
                sha256=fingerprint(target.certificate),
                data={
                    "serial": f"{target.serial:x}",
                    "reason": reason.value,
                    "label": target.label,
                    "issued_by": _issued_by(target.certificate),
                    "replacement": replacement,
                },
            )


def replace(house: House, leaf: Leaf) -> Leaf:
    """Issue another in place of `leaf`: a new key of the same kind, everything else as it was.

    Raises as `House.issue`.
    """
    certificate = leaf.certificate
    is_by_itself = certificate.issuer == certificate.subject
    issue = house.issue_self_signed if is_by_itself else house.issue
    return issue(
        leaf.label,
        leaf.names,
        key_type=leaf.key_type,
        days=days_asked_for(leaf),
        subject=subject_from(certificate.subject),
    )


def is_listed(target: Target, crl: RevocationList | None) -> bool:
    """Whether the list names it: not what another issuing CA, or its own key, signed."""
    return crl is not None and target.serial in crl.serials


def read_crl(house: House, *, files: Files) -> RevocationList | None:
    """Return the list that is there, if it is one of today's issuing CA."""
    path = house.folder / CRL
    try:
        return crl_from_der(files.read(path), issuer=house.issuing)
    except FileTrouble:
        if path.exists():
            raise
        return None
    except PemUnreadable:
        return None  # another CA's, or damaged: it is made again


def crl_is_due(house: House, present: RevocationList | None, *, now: datetime) -> bool:
    """Whether the list is not there, differs from the ledger, or has a third of its life left.

    A house in which nothing was revoked has no list.
    """
    serials = {entry.serial for entry in _entries(house)}
    if present is None:
        return bool(serials)
    life = present.next_update - present.this_update
    return serials != present.serials or now >= present.next_update - life / 3


def remake_crl(house: House, *, files: Files, by: str, at: datetime) -> RevocationList:
    """Make the list anew, from the ledger alone, and put it into the house.

    What a present list of ours says and a rebuilt ledger has lost goes into the ledger first.

    Its number is in the ledger before the list is anywhere: two lists never have the same one.
    Raises as `House.sign_crl`, and `FileTrouble`.
    """
    present = read_crl(house, files=files)
    recall(house, present, by=by)
    known = max(highest_number(house.ledger), present.number if present else 0)
    number = number_after(known, now=at, chance=secrets.randbits(32))
    made = house.sign_crl(_entries(house), number=number)
    house.ledger.record_event(
        LISTED,
        at=at,
        by=by,
        data={
            "number": made.number,
            "entries": len(made.serials),
            "next_update": made.next_update.isoformat(),
        },
    )
    files.write(house.folder / CRL, made.der, mode=0o600)
    return made


def highest_number(ledger: Ledger) -> int:
    """Return the highest number that a list has had, for all that the ledger knows."""
    numbers = (event.data.get("number") for event in ledger.events(-1, kind=LISTED))
    return max((number for number in numbers if isinstance(number, int)), default=0)


def list_to_serve(house: House, *, files: Files, by: str, at: datetime) -> bytes | None:
    """Return the list for the onboarding page, made anew if it is due; None if there is none.

    Best effort: where it cannot be made now (another housekey is at work, the disk is full), the
    one from before is served. Takes the lock itself, without waiting.
    """
    present = None
    try:
        present = read_crl(house, files=files)
        if crl_is_due(house, present, now=at):
            with house_lock(house.folder, wait=0, files=files):
                present = remake_crl(house, files=files, by=by, at=at)
    except HousekeyError:
        pass  # `housekey cert revoke` and `housekey house check` tell of it
    return present.der if present is not None else None


def _entries(house: House) -> tuple[Entry, ...]:
    """Return what today's issuing CA has to list: for good, so that no date can drop one early."""
    own = _key_identifier(house.issuing)
    entries: dict[int, Entry] = {}
    for event in house.ledger.events(-1, kind=REVOKED):  # newest first: the first one stays
        if event.data.get("issued_by") == own:
            serial = int(str(event.data["serial"]), 16)
            entries[serial] = Entry(serial, event.at, _reason(event.data.get("reason")))
    return tuple(entries.values())


def _reason(said: object) -> Reason:
    """Read a reason; one of a newer housekey is as good as none."""
    return next((reason for reason in Reason if reason == said), Reason.UNSPECIFIED)


def recall(house: House, present: RevocationList | None, *, by: str) -> int:
    """Record again what a list of ours says and the ledger does not: it was rebuilt meanwhile.

    Returns how many.
    """
    known = {entry.serial for entry in _entries(house)}
    lost = [each for each in (present.entries if present else ()) if each.serial not in known]
    if not lost:
        return 0
    own = _key_identifier(house.issuing)
    issued = {each.serial: each for each in house.ledger.certificates()}
    with house.ledger.together():
        for entry in lost:
            certificate = issued.get(entry.serial)
            house.ledger.record_event(
                REVOKED,
                at=entry.at,
                by=by,
                sha256=certificate.sha256 if certificate else None,
                data={
                    "serial": f"{entry.serial:x}",
                    "reason": entry.reason.value,
                    "label": certificate.label if certificate else None,
                    "issued_by": own,
                },
            )
    return len(lost)


def _leaf_named(house: House, asked: str) -> Leaf | None:
    found = labels_meant(house, asked)
    if len(found) > 1:
        raise UsageError(
            f"several certificates have the name {asked}",
            hint=f"say which: {', '.join(map(shown, found))}",
        )
    return house.leaf(found[0]) if found else None


def _serial_in(text: str) -> int | None:
    met = _SERIAL.fullmatch(text)
    return int(met[1].replace(":", ""), 16) if met else None


def _by_serial(house: House, serial: int, what: str, *, reason: Reason, now: datetime) -> Chosen:
    for tier, certificate, way in (
        ("root", house.root, "housekey house rotate makes a new root"),
        ("issuing CA", house.issuing, _WHOLE_HOUSE),
    ):
        if certificate.serial_number == serial:
            raise RevokeRefused(f"{what} is the house's {tier}, which nobody can revoke", hint=way)
    every = house.ledger.certificates()
    found = [each for each in every if each.serial == serial]
    if not found:
        raise _unknown(house, what)
    one = found[0]
    if one.role in ("root", "issuing"):
        raise RevokeRefused(
            f"{what} is an earlier root or issuing CA of the house, which nobody can revoke",
            hint="devices that still trust an earlier root: take it away there",
        )
    leaf = house.leaf(one.label) if one.label else None
    if reason is Reason.KEY_COMPROMISE:
        key = _key_of(one)
        found += [
            each
            for each in every
            if each.label == one.label and each is not one and _key_of(each) == key
        ]
    return _chosen(house, one.label, leaf, found, one.sha256, what=what, now=now)


def _chosen(
    house: House,
    label: str | None,
    leaf: Leaf | None,
    issued: Sequence[IssuedCertificate],
    named: str | None,  # the fingerprint of the one that a serial number named
    *,
    what: str,
    now: datetime,
) -> Chosen:
    certificates = {each.sha256: certificate_from_der(each.der) for each in issued}
    in_use = fingerprint(leaf.certificate) if leaf is not None else None
    if leaf is not None and in_use is not None and named is None:
        certificates.setdefault(in_use, leaf.certificate)  # also one that the ledger has lost
    revoked = house.ledger.revoked()
    targets = tuple(
        Target(certificate, label, in_use=sha256 == in_use)
        for sha256, certificate in certificates.items()
        if certificate.not_valid_after_utc > now and sha256 not in revoked
    )
    already = revoked.get(in_use) if in_use is not None and named in (None, in_use) else None
    if not targets and already is None:
        raise _nothing_left(what, certificates, revoked)
    hit = already is not None or any(target.in_use for target in targets)
    return Chosen(targets, leaf if hit else None, already)


def _nothing_left(
    what: str, certificates: Mapping[str, Certificate], revoked: Mapping[str, Event]
) -> RevokeRefused:
    events = [event for sha256, event in revoked.items() if sha256 in certificates]
    if events:
        return already_revoked(what, max(events, key=lambda event: event.at))
    end = max(certificate.not_valid_after_utc for certificate in certificates.values())
    return RevokeRefused(
        f"the certificate for {what} ended on {end:%Y-%m-%d}: nobody accepts it any more",
        hint="there is nothing left to revoke; housekey cert list shows what is in use",
    )


def already_revoked(what: str, event: Event) -> RevokeRefused:
    """Say that there is nothing left to do."""
    return RevokeRefused(
        f"the certificate for {what} was revoked on {event.at:%Y-%m-%d} already",
        hint="housekey cert list shows what is in use now",
    )


def _unknown(house: House, what: str) -> UsageError:
    known = list(map(shown, house.labels()))
    return UsageError(
        f"there is no certificate for {what}, and none with that serial number",
        hint=f"there are: {', '.join(known)}; housekey cert show tells the serial number of each"
        if known
        else "housekey cert list shows what there is",
    )


def _key_of(issued: IssuedCertificate) -> object:
    return certificate_from_der(issued.der).public_key()


def _issued_by(certificate: Certificate) -> str | None:
    """Return the key identifier of who signed it, as this house's profiles write it."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except (ValueError, x509.ExtensionNotFound):
        return None
    identifier = found.value.key_identifier
    return identifier.hex() if identifier else None


def _key_identifier(certificate: Certificate) -> str:
    found = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return found.value.digest.hex()
