"""Is a house as it should be? Pure: decided on what was `Seen`, and on the time.

What is wrong keeps the house, or something in it, from doing its work, or puts its keys at risk;
a note is what its owner wants to know.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from housekey.errors import FileTrouble, HousekeyError
from housekey.house.copies import LEDGER
from housekey.house.examining_chains import (
    GENERATIONS,
    RESTORE,
    findings_of_authorities,
    findings_of_leaves,
    generations_of,
)
from housekey.house.findings import Finding, Weight, note, wrong
from housekey.house.generations import CROSS, DROPPED, OLD, PROVING, PROVING_KEY
from housekey.house.journal import State
from housekey.house.ledger_troubles import REBUILD
from housekey.house.remaking import remade
from housekey.house.road import DNS
from housekey.house.seen import Kind
from housekey.pki.encoding import certificate_from_pem, fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from housekey.house.examining_chains import Generation
    from housekey.house.seen import LedgerSeen, Place, Seen

FIX = "housekey house check --fix makes it again, from the ledger"
_BACKWARDS = timedelta(minutes=10)  # a clock may be set a little back
_FIRST = 3  # files that are named of many
_IF_READ = "and then, if somebody else may have read it: housekey house rotate --leaked"


def examined(seen: Seen, *, folder: Path, now: datetime) -> tuple[Finding, ...]:
    """All that is to say of the house in `folder`, what is wrong first."""
    generations = generations_of(seen)
    found = [
        *_of_places(seen.places, folder),
        *(_of_trouble(name, error) for name, error in seen.trouble.items()),
        *findings_of_authorities(seen, generations, now=now),
        *findings_of_leaves(seen, generations, now=now),
        *_of_ledger(seen, now=now),
        *_of_journal(seen),
        *_of_leftovers(seen),
        *(_of_backup(seen.ledger, generations[0]) if seen.ledger else ()),
    ]
    again = remade(seen)
    found = [*_with_fix(found, again), *_of_ends(seen, again)]
    return tuple(sorted(found, key=lambda finding: finding.weight is not Weight.WRONG))


def _with_fix(found: list[Finding], again: Mapping[str, bytes]) -> Iterator[Finding]:
    """Say of each file that the ledger has it, where it does."""
    told = {finding.about for finding in found}
    for finding in found:
        ours = finding.about in again or (finding.about == GENERATIONS and again)
        yield replace(finding, do=FIX) if ours else finding
    if GENERATIONS not in told:  # that is about one of them
        for name in again.keys() - told:
            # Without the last a root counts again that is over.
            for_the_record = name.startswith(f"{OLD}/") and not name.endswith(DROPPED)
            yield (note if for_the_record else wrong)(name, "it is missing", FIX)


def _of_ends(seen: Seen, again: Mapping[str, bytes]) -> Iterator[Finding]:
    """An earlier generation of which nothing says any more that it is over."""
    have = {*seen.files, *seen.trouble, *again}
    standing = sorted(
        name
        for name in (f"{OLD}/{number}/{DROPPED}" for number in _old_numbers(seen))
        if name not in have
    )
    if have & {CROSS, PROVING, PROVING_KEY}:
        standing = standing[:-1]  # today's root has the word of this one
    for name in standing:
        yield wrong(name, "it is missing, and so its root counts again", RESTORE)


def _old_numbers(seen: Seen) -> set[str]:
    parts = (name.split("/") for name in seen.files)
    return {each[1] for each in parts if len(each) == 3 and each[0] == OLD}


def _of_trouble(name: str, error: HousekeyError) -> Finding:
    what = error.reason if isinstance(error, FileTrouble) else error.message
    return wrong(name, what, error.hint)


def _of_places(places: Mapping[str, Place], folder: Path) -> Iterator[Finding]:
    """Modes and owners. Of a backup there are none."""
    if not places:
        return
    whole = places["."]
    if whole.mode & 0o077:
        yield wrong(
            "folder",
            f"it is open to other users of this machine (mode {whole.mode:o})",
            f"chmod 700 {folder}; {_IF_READ}",
        )
    within = {name: place for name, place in places.items() if name != "."}
    foreign = [name for name, place in within.items() if place.uid != whole.uid]
    if foreign:
        yield wrong(
            _several(foreign),
            f"not of the user that the folder belongs to (user {whole.uid})",
            f"chown -R --reference={folder} {folder}",
        )
    odd = [name for name, place in within.items() if place.kind is Kind.OTHER]
    if odd:
        yield note(
            _several(odd), "a link or no file at all: a backup leaves it out", "move it away"
        )
    for name, place in within.items():
        if place.kind is Kind.FILE and place.mode & 0o077 and _may_be_a_key(name):
            yield wrong(
                name,
                f"it is open to other users of this machine (mode {place.mode:o})",
                f"chmod 600 {folder / name}; {_IF_READ}",
            )


def _may_be_a_key(name: str) -> bool:
    """Whether a file of this name may be a private key; the journal keeps what others put in it."""
    last = name.rpartition("/")[2]
    return (
        name == DNS
        or last.endswith((".key", ".key.sealed"))
        or last.startswith("privkey")
        or (name.startswith("journal/") and last != "entries.jsonl")
    )


def _of_ledger(seen: Seen, *, now: datetime) -> Iterator[Finding]:
    ledger = seen.ledger
    if ledger is None:
        if LEDGER not in seen.trouble:
            yield wrong(LEDGER, "it is missing", REBUILD)
        return
    for damage in ledger.damage:
        yield wrong(LEDGER, damage, REBUILD)
    if ledger.damage:
        return
    unknown = [name for name, sha256 in _certificates_in(seen) if sha256 not in ledger.serials]
    if unknown:
        yield wrong(_several(unknown), "a certificate that is not in the ledger", REBUILD)
    for serial, count in Counter(ledger.serials.values()).items():
        if count > 1:
            yield wrong(
                LEDGER, f"{count} certificates have the serial number {serial:x}", "housekey renew"
            )
    if ledger.last is not None and now + _BACKWARDS < ledger.last.at:
        yield wrong(
            "clock",
            f"it says {now:%Y-%m-%d %H:%M} UTC, and the ledger was written to at"
            f" {ledger.last.at:%Y-%m-%d %H:%M} UTC",
            "set this machine's clock right",
        )


def _certificates_in(seen: Seen) -> Iterator[tuple[str, str]]:
    """The first certificate of each file of the house that holds ours, by fingerprint."""
    for name, data in seen.files.items():
        of_ours = name.startswith(("leaves/", "old/", "next/")) or "/" not in name
        if not (of_ours and name.endswith(".pem") and b"BEGIN CERTIFICATE" in data):
            continue
        try:
            yield name, fingerprint(certificate_from_pem(data))
        except HousekeyError:
            continue  # told already


def _of_journal(seen: Seen) -> Iterator[Finding]:
    for name, data in sorted(seen.files.items()):
        if not (name.startswith("journal/") and name.endswith("/entries.jsonl")):
            continue
        *lines, _torn = data.split(b"\n")
        try:
            entries = [json.loads(line) for line in lines]
            states = [entry["state"] for entry in entries if "state" in entry]
            target = entries[0]["begin"].get("folder", "?") if entries else None
        except (ValueError, KeyError, TypeError, AttributeError):
            yield wrong(name, "it is damaged", "the files from before lie beside it: see undo")
            continue
        if target is not None and (not states or states[-1] == State.OPEN):
            yield wrong(
                name.removesuffix("/entries.jsonl"),
                f"a change in {target} is under way, or was cut short",
                "housekey secure finishes it, housekey undo takes it back",
            )


def _of_leftovers(seen: Seen) -> Iterator[Finding]:
    if not seen.is_settled:
        yield note(
            "changed",
            "files that were replaced together are not all in their places",
            "nothing: the house reads them, and the next command that changes it puts them there",
        )
    if seen.strays:
        yield note(
            _several(list(seen.strays)),
            "left by a housekey that was killed",
            "nothing: the next command that writes there removes it",
        )


def _of_backup(ledger: LedgerSeen, today: Generation) -> Iterator[Finding]:
    """What a backup lacks."""
    if ledger.damage:
        return
    last = ledger.last_backup
    if last is None:
        yield note("backup", "there is none", "housekey house backup FILE")
        return
    told = f"the last is of {last.at:%Y-%m-%d}"
    lacks = [
        what
        for certificate, name, what in (
            (today.root, "root", "today's root"),
            (today.issuing, "issuing", "today's issuing CA"),
        )
        if certificate is not None and last.data.get(name) != fingerprint(certificate)
    ]
    before = last.data.get("certificates")
    since = len(ledger.serials) - (before if isinstance(before, int) else 0)
    if since > 0:
        lacks.append(f"{since} certificate{'' if since == 1 else 's'}")
    proofs = sum(event.at > last.at for event in ledger.proofs)
    if proofs:
        lacks.append(f"that {proofs} device{' has' if proofs == 1 else 's have'} proved trust")
    if lacks:
        yield note("backup", f"{told}, and lacks {', '.join(lacks)}", "housekey house backup FILE")
    else:
        yield note("backup", f"{told}, and lacks nothing")


def _several(names: list[str]) -> str:
    """Name the first of many."""
    more = len(names) - _FIRST
    return ", ".join(sorted(names)[:_FIRST]) + (f" and {more} more" if more > 0 else "")
