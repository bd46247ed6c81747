"""Copies of a leaf's pair in other folders, where something reads it: renewed with it.

`cert new --out` makes them. What has been put in a copy's place since is not touched. A copy that
was away when its leaf was renewed, on a disk or a share, is made up when it is there again: the
ledger knows which certificate was put there last.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from housekey.errors import CopyNotRenewed, FileTrouble, PemUnreadable
from housekey.house.leaves import CERTIFICATE, KEY
from housekey.house.who import who
from housekey.pki.encoding import (
    certificate_from_pem,
    certificates_from_pem,
    chain_to_pem,
    fingerprint,
    matches,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from housekey.house.house import House
    from housekey.house.leaves import Leaf

DELIVERED = "delivered"  # the kind of event; data: label, to, way
COPY = "copy"  # the way of a delivery into a folder


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of the copies of one leaf."""

    done: tuple[Path, ...] = ()  # the folders in which its copy was replaced, or would be
    away: tuple[Path, ...] = ()  # folders with no copy now; on a disk that is not there, maybe


NO_COPIES = Copied()


def record_copy(house: House, leaf: Leaf, folder: Path, *, now: datetime) -> None:
    """Remember that a copy of the pair was put into `folder`, to be renewed with it."""
    house.ledger.record_event(
        DELIVERED,
        at=now,
        by=who(),
        sha256=fingerprint(leaf.certificate),
        data={"label": leaf.label, "to": str(folder), "way": COPY},
    )


def copies_of(house: House) -> Mapping[str, Mapping[Path, str]]:
    """Return by label the folders in which a copy of its pair was put: one reading for all.

    With each folder the fingerprint of the certificate that was put there last.
    """
    found: dict[str, dict[Path, str]] = {}
    for event in house.ledger.events(-1, kind=DELIVERED):  # newest first: the first one stays
        if event.data.get("way") == COPY:
            folders = found.setdefault(str(event.data.get("label")), {})
            folders.setdefault(Path(str(event.data["to"])), str(event.sha256))
    return found


def behind(leaf: Leaf, copies: Mapping[Path, str]) -> tuple[Path, ...]:
    """Return the folders in which another certificate than that of `leaf` was put last."""
    today = fingerprint(leaf.certificate)
    return tuple(folder for folder, sha256 in copies.items() if sha256 != today)


def replace_copies(
    house: House, leaf: Leaf, *, now: datetime, folders: Iterable[Path] | None = None
) -> Copied:
    """Replace the copies of what `leaf` was before, as `leaf` was renewed.

    `folders` are those with a copy, for who asks for many labels. Raises CopyNotRenewed, when all
    that could be replaced is: also for what somebody else has put in a copy's place.
    """
    if folders is None:
        folders = copies_of(house).get(leaf.label, {})
    return _replaced(house, leaf, folders, now=now, tells_foreign=True, dry=False)


def make_up_copies(
    house: House, leaf: Leaf, folders: Iterable[Path], *, now: datetime, dry: bool = False
) -> Copied:
    """Replace the copies in `folders` that have missed a renewal of `leaf`; `dry` only looks.

    What somebody else has put in a copy's place was told when the leaf was renewed, and is not
    told every day. Raises CopyNotRenewed, when all that could be replaced is.
    """
    return _replaced(house, leaf, folders, now=now, tells_foreign=False, dry=dry)


def _replaced(
    house: House,
    leaf: Leaf,
    folders: Iterable[Path],
    *,
    now: datetime,
    tells_foreign: bool,
    dry: bool,
) -> Copied:
    done, away, troubles = [], [], []
    for folder in folders:
        try:
            certificate = house.files.snapshot(folder / CERTIFICATE)
            key = house.files.snapshot(folder / KEY)
            if certificate is None and key is None:
                away.append(folder)
            elif certificate is None or key is None:
                pass  # taken apart by its owner
            elif _is_ours(house, leaf, certificate.data, key.data):
                if not dry:
                    house.files.write(folder / KEY, leaf.key_pem)
                    house.files.write(folder / CERTIFICATE, leaf.chain_pem)
                    record_copy(house, leaf, folder, now=now)
                done.append(folder)
            elif tells_foreign:
                troubles.append(_foreign(folder, leaf))
        except FileTrouble as trouble:
            troubles.append(trouble)
    if troubles:
        what = "; ".join(trouble.message for trouble in troubles)
        raise CopyNotRenewed(
            f"it was renewed, and a copy of it was not: {what}", hint=troubles[0].hint
        )
    return Copied(tuple(done), tuple(away))


def _is_ours(house: House, leaf: Leaf, chain_pem: bytes, key_pem: bytes) -> bool:
    """Whether this is `leaf`, or one that was issued under its label before, as it was copied.

    With what was behind it, and nothing else: a root that somebody has put there is to stay. The
    key may be the new one already, where a kill came between the two files.
    """
    if chain_pem != leaf.chain_pem:
        try:
            first, *above = certificates_from_pem(chain_pem)
        except PemUnreadable:
            return False
        as_it_was = chain_pem == chain_to_pem((first, *above)) and (
            all(each.issuer != each.subject for each in above)
            if above
            else first.issuer == first.subject  # signed by its own key: nothing is behind it
        )
        issued = house.ledger.certificate(fingerprint(first))
        if not as_it_was or issued is None or issued.label != leaf.label:
            return False
    if key_pem == leaf.key_pem.reveal():
        return True
    from housekey.pki.keys import PrivateKey  # noqa: PLC0415 - who only looks needs no keys

    try:
        return matches(certificate_from_pem(chain_pem), PrivateKey.from_pem(key_pem))
    except PemUnreadable:
        return False


def _foreign(folder: Path, leaf: Leaf) -> FileTrouble:
    return FileTrouble(
        folder,
        "something else than the pair from before lies there",
        hint=f"copy it by hand from {leaf.folder}",
    )
