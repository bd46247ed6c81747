"""`housekey status`: how quickly it starts, what of that is importing, and one with much history.

Whole processes by turns. Nothing is taken to https in these houses, so no server is looked at;
looking takes as long as the server does, two seconds at most.

    python -m bench --only status
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.commands import housekey
from bench.processes import by_turns, output_of, say
from bench.rows import Figures, Row, Unit, below, ratio_below
from housekey.house.files import Files
from housekey.house.house import House
from housekey.pki.encoding import fingerprint
from housekey.pki.issuing import Issuer, issue_leaf
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.names import parse_name

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 30
MANY = 100_000
_BARE = "python -c 'import cryptography.x509, click'"
_STATUS = "housekey status"
# What is imported, one after the other, as far as the command needs it.
_STEPS = (
    ("Python itself", "pass"),
    ("click", "import click"),
    ("cryptography.x509", "import cryptography.x509"),
    ("json, sqlite3", "import json, sqlite3"),
    (
        "housekey's own modules",
        "import housekey.cli.main, housekey.cli.status.showing, housekey.house.view",
    ),
)


def rows() -> list[Row]:
    """Return the row of the start, those of its parts, and the one of the large ledger."""
    with TemporaryDirectory(prefix="housekey-bench-") as name:
        small, large = Path(name) / "small", Path(name) / "large"
        for house in (small, large):
            options = ("--house", house, "--yes")
            output_of([housekey(), "cert", "new", "nas.lan", *options], env={"HOME": name})
        return [*_starts(small), _with_much(small, large)]


def _starts(house: Path) -> list[Row]:
    say(f"status: {ROUNDS} rounds of housekey status and of what it imports")
    steps = _cumulative()
    commands: dict[str, Callable[[], object]] = {
        _STATUS: partial(output_of, [housekey(), "status", "--house", house]),
        _BARE: partial(output_of, [sys.executable, "-c", "import cryptography.x509, click"]),
        **{what: partial(output_of, [sys.executable, "-c", code]) for what, code in steps},
    }
    spent: dict[str, list[float]] = {name: [] for name in commands}
    times = by_turns(
        {name: partial(_spend, run, spent[name]) for name, run in commands.items()}, rounds=ROUNDS
    )
    whole = times[_STATUS].median * 1000
    figures = Figures(whole, times[_BARE].median * 1000, Unit.MILLISECONDS)
    start = Row(
        f"{_STATUS} / {_BARE}",
        figures,
        f"whole processes by turns, median of {ROUNDS};"
        f" ours {times[_STATUS].spread}, theirs {times[_BARE].spread}",
        wanted=ratio_below(figures, 1.6),
    )
    # Processor time: what else the machine does is no part of an import.
    all_of_it = median(spent[_STATUS][1:])
    ends = [0.0, *(median(spent[what][1:]) for what, _ in steps), all_of_it]
    parts = [*(what for what, _ in steps), "opening the house, reading, printing"]
    how = f"processor time that it adds, from medians of the same {ROUNDS} rounds"
    return [
        start,
        *(
            Row(f"of {_STATUS}: {part}", Figures(end - begin, all_of_it, Unit.MILLISECONDS), how)
            for part, (begin, end) in zip(parts, pairwise(ends), strict=True)
        ),
    ]


def _spend(run: Callable[[], object], milliseconds: list[float]) -> None:
    """Run a program, and note the processor time that it and its children took."""
    before = getrusage(RUSAGE_CHILDREN)
    run()
    after = getrusage(RUSAGE_CHILDREN)
    user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    milliseconds.append(1000 * (user + system))


def _cumulative() -> list[tuple[str, str]]:
    codes = [code for _, code in _STEPS]
    return [(what, "; ".join(codes[: number + 1])) for number, (what, _) in enumerate(_STEPS)]


def _with_much(small: Path, large: Path) -> Row:
    say(f"status: a ledger of {MANY} certificates")
    _fill(large)
    times = by_turns(
        {
            "ours": partial(output_of, [housekey(), "status", "--house", large]),
            "theirs": partial(output_of, [housekey(), "status", "--house", small]),
        },
        rounds=ROUNDS,
    )
    figures = Figures(times["ours"].median * 1000, times["theirs"].median * 1000, Unit.MILLISECONDS)
    size = (large / "ledger.sqlite").stat().st_size >> 20
    how = (
        f"whole processes by turns, median of {ROUNDS}; the ledger has {size} MiB;"
        f" ours {times['ours'].spread}, theirs {times['theirs'].spread}"
    )
    what = f"{_STATUS} with {MANY} certificates in the ledger / with three"
    return Row(what, figures, how, wanted=below(figures, 300))


def _fill(folder: Path) -> None:
    """Fill the ledger with real certificates, and an event for each."""
    at = datetime.now(UTC)
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    signing = PrivateKey.from_pem((folder / "issuing.key").read_bytes())
    with House.open(folder, files=Files(), clock=lambda: at) as house:
        issuer = Issuer(house.issuing, signing)
        for batch in range(MANY // 1000):
            with house.ledger.together():
                for number in range(1000):
                    name = f"host{batch}-{number}.lan"
                    certificate = issue_leaf(
                        public_key=key.public_key,
                        names=[parse_name(name)],
                        issuer=issuer,
                        now=at + timedelta(seconds=1),
                    )
                    house.ledger.record_certificate(certificate, role="leaf", label=name, at=at)
                    house.ledger.record_event(
                        "issued", at=at, by="bench", sha256=fingerprint(certificate)
                    )
