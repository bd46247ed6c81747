"""Renewing a thousand certificates of a house, with all that makes it safe.

Ours renews every leaf of a house: reads it, signs again, records it, writes its files whole and
synced, keeps the one before. Theirs is the issuing alone, in this process, of as many.

    python -m bench --only renewal
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

from bench import recording
from bench.issuing import issuer
from bench.processes import say
from bench.rows import Figures, NotMeasured, Row, Unit
from housekey.house.files import Files
from housekey.house.house import prepare_house
from housekey.pki.names import parse_name
from housekey.pki.subject import Subject
from housekey.renewal.renewing import renew

if TYPE_CHECKING:
    from housekey.house.house import House

CERTIFICATES = 1000


def rows() -> list[Row]:
    """Return the one row. Raises NotMeasured."""
    with TemporaryDirectory(prefix="housekey-bench-") as name:
        new = prepare_house(names=(), subject=Subject("bench root"), clock=_now)
        with new.write(Path(name) / "house", Files()) as house:
            say(f"renewal: a house of {CERTIFICATES} certificates")
            for number in range(CERTIFICATES):
                house.issue(f"host{number}.lan", [parse_name(f"host{number}.lan")])
            say("renewal: all of them")
            ours = CERTIFICATES / _renewing(house)
    signer, _ = issuer()
    start = perf_counter()
    for number in range(CERTIFICATES):
        recording.issued(signer, number)
    alone = CERTIFICATES / (perf_counter() - start)
    how = f"one run of {CERTIFICATES}, one thread; each synced to the disk by itself"
    figures = Figures(ours, alone, Unit.PER_SECOND)
    return [Row(f"renewal of {CERTIFICATES} certificates / issuing alone", figures, how)]


def _renewing(house: House) -> float:
    start = perf_counter()
    done = renew(house, None, everything=True, now=_now())
    taken = perf_counter() - start
    renewed = [each for each in done if each.leaf is not None and each.trouble is None]
    if len(renewed) != CERTIFICATES:
        raise NotMeasured(f"only {len(renewed)} of {CERTIFICATES} were renewed")
    return taken


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
