"""The certificates and keys of a house: does each belong to the other, and does each chain hold?"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from housekey.errors import HouseBroken, HousekeyError
from housekey.house.findings import Finding, Weight, note, wrong
from housekey.house.generations import (
    ISSUING,
    ISSUING_KEY,
    OLD,
    PROVING,
    ROOT,
    generations_in,
)
from housekey.house.leaves import (
    CERTIFICATE,
    KEY,
    ONBOARDING,
    PREVIOUS_CERTIFICATE,
    PREVIOUS_KEY,
    folder_name,
    is_due,
)
from housekey.house.road import ROAD
from housekey.house.root_key import SEALED, SEALED_ROOT_KEY
from housekey.house.view import MENDS
from housekey.pki.constraints import constraints_of
from housekey.pki.encoding import (
    certificate_from_pem,
    certificates_from_pem,
    fingerprint,
    matches,
)
from housekey.pki.keys import PrivateKey
from housekey.pki.names import names_of
from housekey.pki.verifying import is_signed_by

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from cryptography.x509 import Certificate

    from housekey.house.seen import Seen

_GENERATION = re.compile(r"(?:next/|old/[0-9]+/)?")
GENERATIONS = "generations"  # what is wrong with how they belong together
RESTORE = "housekey house restore FILE, from a backup of the house"
RECOVER = "housekey house recover makes a new issuing CA, with the recovery code"
ROTATE = "housekey house rotate makes a new root"
RENEW = "housekey renew"
SERVED = "nothing: the page gets a new one whenever it is served"
AGAIN = "move its folder away; housekey secure or housekey cert new makes it again"


@dataclass(frozen=True, slots=True)
class Generation:
    """A root and its issuing CA, as far as they can be read: today's, one to come, an old one."""

    place: str  # "" for today's, else the folder with a slash
    root: Certificate | None
    issuing: Certificate | None
    proving: Certificate | None = None  # signs the leaf of the page's proof while two roots are


def generations_of(seen: Seen) -> tuple[Generation, ...]:
    """The generations that a house has, today's first."""
    named = (name for name in seen.files if name.endswith((ROOT, ISSUING)))
    places = {"", *(each for each in map(_place, named) if each is not None)}
    return tuple(
        Generation(
            place,
            _certificate(seen, place + ROOT),
            _certificate(seen, place + ISSUING),
            _certificate(seen, PROVING) if not place else None,
        )
        for place in sorted(places)
    )


def findings_of_authorities(
    seen: Seen, generations: tuple[Generation, ...], *, now: datetime
) -> Iterator[Finding]:
    """What is to say of root, issuing CA and their keys, in each generation."""
    broken = False
    for finding in _of_files(seen, generations, now=now):
        broken |= finding.weight is Weight.WRONG
        yield finding
    if not broken:  # else all of that has been said already
        yield from _of_rotation(seen, generations)


def _of_files(
    seen: Seen, generations: tuple[Generation, ...], *, now: datetime
) -> Iterator[Finding]:
    today = generations[0]
    for name in (ROOT, ISSUING, ISSUING_KEY):
        if name not in seen.files and name not in seen.trouble:
            yield wrong(name, "it is missing", RESTORE if name == ROOT else RECOVER)
    for generation in generations:
        yield from _of_generation(seen, generation)
    yield from _of_sealed_key(seen)
    for certificate, name in ((today.root, ROOT), (today.issuing, ISSUING)):
        if certificate is not None:
            yield from _of_time(certificate, name, root=today.root, now=now)


def findings_of_leaves(
    seen: Seen, generations: tuple[Generation, ...], *, now: datetime
) -> Iterator[Finding]:
    """What is to say of each leaf: its key, its chain, its time."""
    folders = sorted(
        {name.rpartition("/")[0] for name in seen.files if name.count("/") == 2 and _is_leaf(name)}
    )
    for folder in folders:
        yield from _of_leaf(seen, folder, generations, now=now)


def _of_generation(seen: Seen, generation: Generation) -> Iterator[Finding]:
    place, root, issuing = generation.place, generation.root, generation.issuing
    repair = RECOVER if not place else RESTORE
    if place and place + ROOT not in {*seen.files, *seen.trouble}:
        yield wrong(place + ROOT, "it is missing", RESTORE)
    for name, certificate in ((ROOT, root), (ISSUING, issuing)):
        if certificate is None and place + name in seen.files:
            yield wrong(place + name, "it is damaged", RESTORE if name == ROOT else repair)
    if root is not None and not is_signed_by(root, root):
        yield wrong(place + ROOT, "it is not signed by its own key", RESTORE)
    if root is not None and issuing is not None:
        if not is_signed_by(issuing, root):
            yield wrong(place + ISSUING, f"it is not signed by the root in {place}{ROOT}", repair)
        elif not _same_constraints(issuing, root):
            yield wrong(place + ISSUING, "it may not speak for the same names as the root", repair)
    for name, certificate in ((ISSUING, issuing), (PROVING, generation.proving)):
        key = place + name.replace(".pem", ".key")
        repair = MENDS.get(key, RESTORE)
        if key not in seen.files:
            needed = key in MENDS and key != ISSUING_KEY  # of this one it is told already
            if needed and certificate is not None and key not in seen.trouble:
                yield wrong(key, "it is missing", repair)
            continue
        found = _key(seen, key)
        if found is None:
            yield wrong(key, "it is damaged", repair)
        elif certificate is not None and not matches(certificate, found):
            yield wrong(key, f"it is not the key of {place}{name}", repair)


def _of_rotation(seen: Seen, generations: tuple[Generation, ...]) -> Iterator[Finding]:
    """What the house says of its own generations when it is opened."""
    numbers = tuple(
        sorted(
            (each.place.split("/")[1] for each in generations if each.place.startswith(OLD)),
            key=int,
        )
    )
    try:
        generations_in(seen.folder, defaultdict(lambda: None, seen.files), numbers)
    except HouseBroken as error:
        yield wrong(GENERATIONS, error.message, RESTORE)


def _of_sealed_key(seen: Seen) -> Iterator[Finding]:
    sealed = seen.files.get(SEALED_ROOT_KEY)
    if sealed is None and SEALED_ROOT_KEY not in seen.trouble:
        yield note(
            SEALED_ROOT_KEY,
            "the root's key is not kept here",
            "know where it is: house recover and house rotate need it, with the recovery code",
        )
    elif sealed is not None and SEALED not in sealed:
        yield wrong(SEALED_ROOT_KEY, "it is not a sealed key", RESTORE)


def _of_time(
    certificate: Certificate, name: str, *, root: Certificate | None, now: datetime
) -> Iterator[Finding]:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    lives = root is not None and now < root.not_valid_after_utc
    repair = RECOVER if name == ISSUING and lives else ROTATE
    if now < begin:
        yield wrong(
            "clock",
            f"it says {now:%Y-%m-%d %H:%M} UTC, which is before {name} began"
            f" ({begin:%Y-%m-%d %H:%M} UTC)",
            "set this machine's clock right",
        )
    elif now >= end:
        yield wrong(
            name, f"it ended on {end:%Y-%m-%d}", f"{repair}; or set the clock, if it is wrong"
        )
    elif is_due(certificate, now=now):
        yield note(name, f"it ends on {end:%Y-%m-%d}", repair)


def _of_leaf(
    seen: Seen, folder: str, generations: tuple[Generation, ...], *, now: datetime
) -> Iterator[Finding]:
    about = folder.replace("leaves/", "leaf ", 1)
    about = unquote(about).replace("leaf _", "leaf ")
    pem = seen.files.get(f"{folder}/{CERTIFICATE}")
    if pem is None:
        if f"{folder}/{CERTIFICATE}" not in seen.trouble:
            yield note(about, "its folder has no certificate", "housekey cert new makes it again")
        return
    try:
        certificate, *others = certificates_from_pem(pem)
        names = names_of(certificate)
    except HousekeyError as error:
        yield wrong(about, error.message, AGAIN)
        return
    previous = _certificate(seen, f"{folder}/{PREVIOUS_CERTIFICATE}")
    if previous is None and f"{folder}/{PREVIOUS_CERTIFICATE}" in seen.files:
        yield note(about, "its earlier certificate is damaged", "the next renewal replaces it")
    keys = [_key(seen, f"{folder}/{name}") for name in (KEY, PREVIOUS_KEY)]
    if keys[0] is not None and matches(certificate, keys[0]):
        pass
    elif keys[1] is not None and matches(certificate, keys[1]):
        yield note(about, "a renewal of it was cut short", "housekey renew makes it whole")
    else:
        yield wrong(about, "its certificate and its key do not belong together", AGAIN)
    if folder == f"leaves/{ONBOARDING}":
        yield from _of_page(about, certificate, generations, now=now)
        return
    obtained = seen.ledger is not None and fingerprint(certificate) in seen.ledger.obtained
    if not (
        obtained or _is_on_a_road(seen, folder)
    ):  # else another CA signed it, whose chain and names are its own affair
        yield from _of_chain(about, certificate, others, generations)
        if not is_signed_by(certificate, certificate) and generations[0].issuing is not None:
            yield from _of_names(about, names, generations[0].issuing)
    end = certificate.not_valid_after_utc
    if now >= end:
        yield wrong(about, f"it ended on {end:%Y-%m-%d}", RENEW)
    elif is_due(certificate, now=now):
        yield note(about, f"it ends on {end:%Y-%m-%d}", RENEW)


def _is_on_a_road(seen: Seen, folder: str) -> bool:
    """Whether the house says that this label is another CA's: a ledger made anew may not know."""
    try:
        label = str(json.loads(seen.files[ROAD])["label"])
    except (KeyError, ValueError, TypeError):
        return False
    return folder == f"leaves/{folder_name(label)}"


def _of_page(
    about: str, certificate: Certificate, generations: tuple[Generation, ...], *, now: datetime
) -> Iterator[Finding]:
    """The leaf of the onboarding page: who signs it goes with every rotation, its end or not."""
    if now >= (end := certificate.not_valid_after_utc):
        yield note(about, f"it ended on {end:%Y-%m-%d}", SERVED)
    elif not any(
        signer is not None and is_signed_by(certificate, signer)
        for each in generations
        if not each.place.startswith(OLD)
        for signer in (each.issuing, each.proving)
    ):
        yield note(about, "it is from an earlier issuing CA", SERVED)


def _of_chain(
    about: str,
    certificate: Certificate,
    others: list[Certificate],
    generations: tuple[Generation, ...],
) -> Iterator[Finding]:
    """Who signed it, and is that what stands behind it in its file?"""
    if is_signed_by(certificate, certificate):  # made so on request: cert new --self-signed
        return
    signers = [
        (each.place, signer)
        for each in generations
        for signer in (each.issuing, each.proving)
        if signer is not None and is_signed_by(certificate, signer)
    ]
    today = generations[0]
    if not signers and others and _by_a_lost_issuing_ca(certificate, others[0], generations):
        if today.issuing and today.root and is_signed_by(today.issuing, today.root):
            yield note(about, "it is from an earlier issuing CA", RENEW)
        # else it may be today's, of which it is told already that it is not as it should be
    elif not signers:
        yield wrong(about, "no issuing CA of this house has signed it", AGAIN)
    elif signers[0][1] not in others:
        yield wrong(about, "its issuing CA is not behind it in its file", RENEW)
    elif signers[0][0]:
        yield note(about, "it is from an earlier issuing CA", RENEW)


def _by_a_lost_issuing_ca(
    certificate: Certificate, signer: Certificate, generations: tuple[Generation, ...]
) -> bool:
    """Whether `signer`, which only stands behind the leaf, is an issuing CA of this house."""
    roots = [each.root for each in generations if each.root is not None]
    return is_signed_by(certificate, signer) and any(is_signed_by(signer, root) for root in roots)


def _of_names(about: str, names: tuple[object, ...], issuing: Certificate) -> Iterator[Finding]:
    try:
        refused = constraints_of(issuing).refused(names)  # type: ignore[arg-type]
    except HousekeyError:
        return  # told of the issuing CA already
    if refused:
        told = ", ".join(map(str, refused))
        yield wrong(about, f"this house may not speak for {told}", AGAIN)


def _place(name: str) -> str | None:
    """The generation that a file `root.pem` or `issuing.pem` is of; None if it is of none."""
    above, slash, _ = name.rpartition("/")
    return above + slash if _GENERATION.fullmatch(above + slash) else None


def _is_leaf(name: str) -> bool:
    return name.startswith("leaves/")


def _certificate(seen: Seen, name: str) -> Certificate | None:
    try:
        return certificate_from_pem(seen.files[name])
    except (KeyError, HousekeyError):
        return None


def _key(seen: Seen, name: str) -> PrivateKey | None:
    try:
        return PrivateKey.from_pem(seen.files[name])
    except (KeyError, HousekeyError):
        return None


def _same_constraints(one: Certificate, other: Certificate) -> bool:
    try:
        return constraints_of(one) == constraints_of(other)
    except HousekeyError:
        return False
