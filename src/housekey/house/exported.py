"""Copies of a leaf's pair in other folders, where something reads it: renewed with it.

`cert new --out` makes them. What has been put in a copy's place since is not touched.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from housekey.errors import CopyNotRenewed, FileTrouble
from housekey.house.who import who
from housekey.pki.encoding import fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from housekey.house.files import Files
    from housekey.house.house import House
    from housekey.house.leaves import Leaf

DELIVERED = "delivered"  # the kind of event; data: label, to, way
COPY = "copy"  # the way of a delivery into a folder


def record_copy(house: House, leaf: Leaf, folder: Path, *, now: datetime) -> None:
    """Remember that a copy of the pair was put into `folder`, to be renewed with it."""
    house.ledger.record_event(
        DELIVERED,
        at=now,
        by=who(),
        sha256=fingerprint(leaf.certificate),
        data={"label": leaf.label, "to": str(folder), "way": COPY},
    )


def copies_of(house: House) -> Mapping[str, tuple[Path, ...]]:
    """Return by label the folders in which a copy of its pair was put: one reading for all."""
    found: dict[str, dict[Path, None]] = {}
    for event in house.ledger.events(-1, kind=DELIVERED):
        if event.data.get("way") == COPY:
            folders = found.setdefault(str(event.data.get("label")), {})
            folders[Path(str(event.data["to"]))] = None
    return {label: tuple(folders) for label, folders in found.items()}


def replace_copies(
    house: House,
    new: Leaf,
    *,
    before: Leaf,
    now: datetime,
    files: Files,
    folders: Sequence[Path] | None = None,
) -> tuple[Path, ...]:
    """Replace the copies of `before`. What somebody else has put in their place stays.

    `folders` are those with a copy, for who asks for many labels. Raises CopyNotRenewed, when all
    that could be replaced is.
    """
    if folders is None:
        folders = copies_of(house).get(new.label, ())
    done, troubles = [], []
    for folder in folders:
        try:
            if _replace_copy(new, before=before, folder=folder, files=files):
                record_copy(house, new, folder, now=now)
                done.append(folder)
        except FileTrouble as trouble:
            troubles.append(trouble)
    if troubles:
        what = "; ".join(trouble.message for trouble in troubles)
        raise CopyNotRenewed(
            f"it was renewed, and a copy of it was not: {what}", hint=troubles[0].hint
        )
    return tuple(done)


def _replace_copy(new: Leaf, *, before: Leaf, folder: Path, files: Files) -> bool:
    """Replace the copy in `folder` if it is there; say whether it was."""
    certificate, key = folder / "certificate.pem", folder / "privkey.pem"
    found, found_key = files.snapshot(certificate), files.snapshot(key)
    if found is None or found_key is None:
        return False  # taken away by its owner
    ours = (before.key_pem.reveal(), new.key_pem.reveal())
    if found.data not in (before.chain_pem, new.chain_pem) or found_key.data not in ours:
        raise FileTrouble(
            folder,
            "something else than the pair from before lies there",
            hint=f"copy it by hand from {new.folder}",
        )
    files.write(key, new.key_pem)
    files.write(certificate, new.chain_pem)
    return True
