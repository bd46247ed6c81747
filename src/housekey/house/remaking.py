"""Public files of a house made again from its ledger, which has every certificate ever issued.

Pure: decided on what was `Seen`. A certificate is chosen by signatures and keys, never by a name
alone: what is made is what was there. Keys cannot be made again; what needs one that is lost is
left to `house recover`, `house rotate` and a backup.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from housekey.errors import HousekeyError
from housekey.house.generations import (
    CROSS,
    DROPPED,
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
    generations_in,
)
from housekey.house.records import RECOVERED
from housekey.pki.encoding import (
    certificate_from_der,
    certificate_to_pem,
    certificates_from_pem,
    chain_to_pem,
    fingerprint,
    matches,
)
from housekey.pki.keys import PrivateKey
from housekey.pki.profiles import BACKDATE
from housekey.pki.verifying import is_signed_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cryptography.x509 import Certificate

    from housekey.house.seen import Seen


def remade(seen: Seen) -> dict[str, bytes]:
    """Return the missing or damaged public files of a house that its ledger can give back.

    Nothing if what they would make is no house that opens.
    """
    if seen.ledger is None or seen.ledger.damage:
        return {}
    authorities = seen.ledger.authorities
    known = _Known(
        seen,
        roots=_loaded(each.der for each in authorities if each.role == "root"),
        others=_loaded(each.der for each in authorities if each.role == "issuing"),
        made={},
    )
    numbers = sorted({name.split("/")[1] for name in seen.files if _is_old(name)}, key=int)
    nexts = [f"{NEXT}/"] if any(name.startswith(f"{NEXT}/") for name in seen.files) else []
    for place in ("", *nexts, *(f"{OLD}/{number}/" for number in numbers)):
        known.make_generation(place)
    for number in numbers:
        known.make_dropped(number, numbers)
    over = {*seen.files, *known.made}
    standing = [n for n in numbers if f"{OLD}/{n}/{DROPPED}" not in over]
    known.make_overlap(standing[-1] if standing else None)
    if known.made:
        try:
            files = {**seen.files, **known.made}
            generations_in(seen.folder, defaultdict(lambda: None, files), tuple(numbers))
        except HousekeyError:
            return {}
    return known.made


@dataclass(frozen=True, slots=True)
class _Known:
    """What is there, what the ledger has, newest first, and what is made of it."""

    seen: Seen
    roots: tuple[Certificate, ...]
    others: tuple[Certificate, ...]  # all that may sign and are no root
    made: dict[str, bytes]

    def make_generation(self, place: str) -> None:
        """Make the root or the issuing CA in `place` again, by the other one or by the key."""
        root, issuing = self._at(place + ROOT), self._at(place + ISSUING)
        key = self._key(place + ISSUING_KEY)
        if issuing is None and key is not None:
            issuing = _first(
                self.others,
                lambda each: matches(each, key) and (root is None or is_signed_by(each, root)),
            )
            self._make(place + ISSUING, issuing)
        if root is None and issuing is not None:
            signed = issuing
            root = _first(self.roots, lambda each: is_signed_by(signed, each))
            self._make(place + ROOT, root)

    def make_dropped(self, number: str, numbers: Sequence[str]) -> None:
        """Make again what says that a generation is over, since when and why."""
        name = f"{OLD}/{number}/{DROPPED}"
        root, issuing = (self._at(f"{OLD}/{number}/{each}") for each in (ROOT, ISSUING))
        if self._is_whole(name) or root is None or self.seen.ledger is None:
            return
        # It ended as its issuing CA was replaced under the same root; or, if it was the last under
        # its root, with that.
        last = max(each for each in numbers if self._at(f"{OLD}/{each}/{ROOT}") == root)
        replaced = None if issuing is None else fingerprint(issuing)
        for event in self.seen.ledger.ends:
            about = event.data.get("old") if event.kind == RECOVERED else event.sha256
            meant = replaced if event.kind == RECOVERED else fingerprint(root)
            why = event.data.get("why")
            if about is None or about != meant or why not in list(Why):
                continue
            if event.kind == RECOVERED or number == last:
                self.made[name] = dropped_json(Why(str(why)), event.at)
                return

    def make_overlap(self, standing: str | None) -> None:
        """Make again what says that two roots count; `standing` is the old one's number."""
        kind = self._kind(standing)
        today = NEXT if kind is Kind.WAITING else ""
        root = self._at(f"{today}/{ROOT}" if today else ROOT)
        if kind is None or root is None:
            return
        since = root.not_valid_before_utc + BACKDATE
        if kind is Kind.CROSSED:
            old_root = self._at(f"{OLD}/{standing}/{ROOT}")
            cross = self._at(CROSS)
            if cross is None and old_root is not None:
                cross = _first(
                    self.others,
                    lambda each: (
                        each.public_key() == root.public_key()
                        and each.subject == root.subject
                        and is_signed_by(each, old_root)
                    ),
                )
                self._make(CROSS, cross)
            if cross is None:
                return  # no overlap was ever begun, or the ledger has lost it
            self._make_proving(root)
        if not self._is_whole(ROTATION):
            events = self.seen.ledger.rotations if self.seen.ledger else ()
            began = [each.at for each in events if each.sha256 == fingerprint(root)]
            said = {"kind": kind.value, "since": (began[0] if began else since).isoformat()}
            self.made[ROTATION] = json.dumps(said).encode() + b"\n"

    def _make_proving(self, root: Certificate) -> None:
        """Make the two again that stand between the root and the leaf of the page's proof."""
        if self._is_whole(PROVING):
            return
        key = self._key(PROVING_KEY)
        for above in self.others:
            if not is_signed_by(above, root):
                continue
            signer = _first(
                self.others,
                lambda each, above=above: (
                    is_signed_by(each, above)  # type: ignore[misc]
                    and (key is None or matches(each, key))
                ),
            )
            if signer is not None:
                self.made[PROVING] = chain_to_pem((signer, above))
                return

    def _kind(self, standing: str | None) -> Kind | None:
        if self._is_whole(ROTATION):
            return Kind(json.loads(self.seen.files[ROTATION])["kind"])
        if standing is not None:
            return Kind.CROSSED
        return Kind.WAITING if f"{NEXT}/{ISSUING_KEY}" in self.seen.files else None

    def _is_whole(self, name: str) -> bool:
        try:
            data = self.seen.files[name]
            if name == ROTATION:
                Kind(json.loads(data)["kind"])
                return True
            if name.endswith(DROPPED):
                Why(json.loads(data)["why"])
                return True
            return len(certificates_from_pem(data)) == (2 if name == PROVING else 1)
        except (KeyError, ValueError, TypeError, HousekeyError):
            return False

    def _at(self, name: str) -> Certificate | None:
        try:
            return certificates_from_pem(self.made.get(name) or self.seen.files[name])[0]
        except (KeyError, HousekeyError):
            return None

    def _key(self, name: str) -> PrivateKey | None:
        try:
            return PrivateKey.from_pem(self.seen.files[name])
        except (KeyError, HousekeyError):
            return None

    def _make(self, name: str, certificate: Certificate | None) -> None:
        if certificate is not None:
            self.made[name] = certificate_to_pem(certificate)


def _is_old(name: str) -> bool:
    first, _, rest = name.partition("/")
    return first == OLD and rest.partition("/")[0].isdecimal()


def _loaded(ders: Iterable[bytes]) -> tuple[Certificate, ...]:
    return tuple(map(certificate_from_der, ders))


def _first(among: Iterable[Certificate], fits: Callable[[Certificate], bool]) -> Certificate | None:
    return next((each for each in among if fits(each)), None)
