"""A house to look at: its roots, what a server presents, its leaves without their keys.

`House` is one that issues, too. They are apart because looking is done by commands that are asked
often, such as `housekey status`, and what issuing needs takes as long to import as all the rest.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

from housekey.errors import HouseBroken, HousekeyError, HouseMissing
from housekey.house.closing import Closing
from housekey.house.generations import (
    FROM_BACKUP,
    ISSUING,
    ISSUING_KEY,
    NEXT,
    PROVING_KEY,
    ROOT,
    SEALED_ROOT_KEY,
    Former,
    Why,
    is_by,
    read_generations,
)
from housekey.house.leaves import (
    CERTIFICATE,
    ONBOARDING,
    PREVIOUS_CERTIFICATE,
    folder_name,
    label_of,
    read_each,
    read_public,
    refuse_if_open,
)
from housekey.house.ledger import SqliteLedger
from housekey.house.ledger_troubles import REBUILD
from housekey.house.records import OBTAINED
from housekey.house.together import mode_of, where
from housekey.pki.encoding import certificates_from_pem, fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from cryptography.x509 import Certificate

    from housekey.house.files import Files
    from housekey.house.generations import Generations, Overlap
    from housekey.house.leaves import Leaf, PublicLeaf, Unreadable
    from housekey.house.records import Ledger
    from housekey.house.road import Road

LEDGER = "ledger.sqlite"
LEAVES = "leaves"
_RECOVER = (
    "housekey house recover makes a new issuing CA, with the recovery code; or restore a backup"
)


MENDS = {  # a key that is missing or damaged, by what brings it back or does without it
    ISSUING_KEY: _RECOVER,
    PROVING_KEY: "housekey house rotate --finish goes on with the new root alone; or restore a"
    " backup",
    f"{NEXT}/{ISSUING_KEY}": "housekey house rotate --abort goes on with the old root alone; or"
    " restore a backup",
}


class HouseView(Closing):
    """A house on disk, to look at. Close it, or use it as a context manager."""

    def __init__(
        self,
        folder: Path,
        *,
        generations: Generations,
        ledger: Ledger,
        files: Files,
        clock: Callable[[], datetime],
    ) -> None:
        self.folder = folder
        self.generations = generations
        self.ledger = ledger
        self.files = files
        self.clock = clock

    @classmethod
    def open(cls, folder: Path, *, files: Files, clock: Callable[[], datetime]) -> Self:
        """Open the house in `folder`.

        Raises `HouseMissing`, `HouseUnsafe`, `HouseBroken`, `FileTrouble`. That the sealed key of
        the root is not there is no reason: some keep it elsewhere, and daily work goes without.
        """
        folder = folder.absolute()
        needed = (ROOT, ISSUING, ISSUING_KEY, LEDGER)
        missing = [name for name in needed if mode_of(folder, name) is None]
        if missing == list(needed):
            raise HouseMissing(
                f"there is no house in {folder}",
                hint="housekey secure creates one; --house DIR names another folder",
            )
        refuse_if_open(folder, "folder of the house")
        if missing:
            hints = {LEDGER: REBUILD, ISSUING: _RECOVER, ISSUING_KEY: _RECOVER}
            wanted = {hints.get(name, FROM_BACKUP) for name in missing}
            raise HouseBroken(
                f"the house in {folder} lacks {' and '.join(missing)}",
                hint=wanted.pop() if len(wanted) == 1 else FROM_BACKUP,
            )
        for name in (ISSUING_KEY, SEALED_ROOT_KEY, PROVING_KEY):
            if (mode := mode_of(folder, name)) is not None:
                refuse_if_open(where(folder, name) or folder / name, "key", mode=mode)
        return cls(
            folder,
            generations=read_generations(folder, files=files),
            ledger=SqliteLedger.open(folder / LEDGER),
            files=files,
            clock=clock,
        )

    def look_again(self) -> None:
        """Read its roots anew, after a change of them; the ledger stays open, and is not asked.

        Raises `HouseBroken` and `FileTrouble`.
        """
        self.generations = read_generations(self.folder, files=self.files)

    # The roots

    @property
    def root(self) -> Certificate:
        """Today's root: what servers present leads to it."""
        return self.generations.root

    @property
    def issuing(self) -> Certificate:
        """Today's issuing CA."""
        return self.generations.issuing

    @property
    def overlap(self) -> Overlap | None:
        """Return what there is to know while two roots count; None with one alone."""
        return self.generations.overlap

    @property
    def root_for_devices(self) -> Certificate:
        """The root that the onboarding page hands out: the new one, also while it waits."""
        return self.overlap.new_root if self.overlap else self.root

    @property
    def roots(self) -> tuple[Certificate, ...]:
        """The roots under which a server of this home may be met now, today's first."""
        overlap = self.overlap
        if overlap is None:
            return (self.root,)
        return tuple(dict.fromkeys((self.root, overlap.old_root, overlap.new_root)))

    @property
    def former(self) -> tuple[Former, ...]:
        """The roots that are over, oldest first; not today's, whose issuing CA alone was new.

        A root of which an issuing CA has leaked, as it was recovered, has leaked with it.
        """
        over: dict[Certificate, Former] = {}
        for each in self.generations.former:
            if each.dropped is not None and each.root != self.root:
                before = over.get(each.root)
                leaked = before is not None and before.why is Why.LEAKED
                over[each.root] = replace(each, why=Why.LEAKED) if leaked else each
        return tuple(over.values())

    def chain_of(self, certificate: Certificate) -> tuple[Certificate, ...]:
        """Return what a server presents with `certificate`: it, its issuing CA, and the cross.

        The cross is there while two roots overlap, as long as it has not ended, and where it helps:
        with a name that the old root may not speak for, devices that know the old root alone
        refuse the whole certificate, and GnuTLS would try that way though it knows both (measured,
        3.7). A certificate of an earlier generation gets the issuing CA of that one, and one of
        no authority here nothing.
        """
        generations, overlap = self.generations, self.overlap
        cross = overlap.cross if overlap else None
        crossed = (cross,) if cross is not None and self._helps(cross, certificate) else ()
        chains: list[tuple[Certificate, ...]] = [(self.issuing, *crossed)]
        if generations.proving is not None:
            chains.append(generations.proving)
        if generations.next_issuing is not None:
            chains.append((generations.next_issuing,))
        chains += [(each.issuing,) for each in reversed(generations.former) if each.issuing]
        above = next((chain for chain in chains if is_by(certificate, chain[0])), ())
        return (certificate, *above)

    def is_current(self, leaf: Leaf | PublicLeaf) -> bool:
        """Whether the house would give `leaf` the very chain that it has, were it issued today.

        On another road the chain is what its CA gave: no root of the house has to do with it.
        """
        certificate = leaf.certificate
        if self.road_of(leaf.label) is not None:
            return not self.is_by_house(certificate)
        if certificate.issuer == certificate.subject:
            return True  # signed by its own key: no root has anything to do with it
        signer, _ = self._signer_of(leaf.label)
        if not is_by(certificate, signer):
            # Left from another road, which was undone: nothing presents it, and nothing is due.
            return self.was_obtained(certificate)
        return certificates_from_pem(leaf.chain_pem) == self.chain_of(certificate)

    # Other roads

    @cached_property
    def road(self) -> Road | None:
        """The road of what the house does not issue itself. Raises `HouseBroken`."""
        from housekey.house.road import ROAD, read_road  # noqa: PLC0415 - most houses have none

        if not (self.folder / ROAD).exists():
            return None
        return read_road(self.folder, files=self.files)

    def road_of(self, label: str) -> Road | None:
        """Return the road of `label`; None: the house issues for it."""
        road = self.road
        return road if road is not None and road.label == label.lower() else None

    def trusted_for(self, label: str) -> Certificate | tuple[Certificate, ...]:
        """Return what devices trust that accept the certificate of `label`.

        Today's root; on another road its roots, and none where those are that every device has.
        """
        road = self.road_of(label)
        return self.root if road is None else road.roots

    def is_by_house(self, certificate: Certificate) -> bool:
        """Whether an issuing CA of this house signed it: today's, an earlier or a waiting one."""
        generations = self.generations
        ours = [self.issuing, *(generations.proving or ()), generations.next_issuing]
        ours += [each.issuing for each in generations.former]
        return any(is_by(certificate, each) for each in ours if each is not None)

    def was_obtained(self, certificate: Certificate) -> bool:
        """Whether the house got it from another CA, by whatever road."""
        sha256 = fingerprint(certificate)
        return bool(self.ledger.events(1, kind=OBTAINED, sha256=sha256))

    # The leaves

    def labels(self) -> tuple[str, ...]:
        """Return what there are leaves for, readable or not, sorted."""
        folder = self.folder / LEAVES
        if not folder.is_dir():
            return ()
        return tuple(sorted(label_of(path.name) for path in folder.iterdir()))

    def ever_had(self, label: str) -> bool:
        """Whether a certificate for `label` lies there, or lay there; else it was cut short."""
        folder = self.folder / LEAVES / folder_name(label)
        return any((folder / name).exists() for name in (CERTIFICATE, PREVIOUS_CERTIFICATE))

    def public_leaves(self) -> tuple[tuple[PublicLeaf, ...], tuple[Unreadable, ...]]:
        """Read all leaves without their keys, by label; and name those that cannot be read."""
        leaves = self.folder / LEAVES
        return read_each(self.labels(), lambda label: read_public(leaves, label, files=self.files))

    def previous_certificate(self, label: str) -> Certificate | None:
        """Return the certificate that was kept under `label` before it; what is damaged is none."""
        leaves = self.folder / LEAVES
        try:
            before = read_public(leaves, label, files=self.files, named=PREVIOUS_CERTIFICATE)
        except HousekeyError:
            return None
        return None if before is None else before.certificate

    def close(self) -> None:
        self.ledger.close()

    def _helps(self, cross: Certificate, certificate: Certificate) -> bool:
        from housekey.pki.constraints import constraints_of  # noqa: PLC0415 - with two roots only
        from housekey.pki.names import names_of  # noqa: PLC0415

        names = names_of(certificate)
        return self.clock() < cross.not_valid_after_utc and not constraints_of(cross).refused(names)

    def _signer_of(self, label: str) -> tuple[Certificate, str]:
        """Return who signs the leaf of a label today, and the name of its key.

        The onboarding page's own proves that a device trusts the root that devices are to trust.
        """
        if label.lower() == ONBOARDING and self.overlap is not None:
            if self.generations.proving is not None:
                return self.generations.proving[0], PROVING_KEY
            if self.generations.next_issuing is not None:
                return self.generations.next_issuing, f"{NEXT}/{ISSUING_KEY}"
        return self.issuing, ISSUING_KEY
