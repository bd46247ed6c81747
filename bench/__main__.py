"""`make bench`: one table of ratios between housekey and what people use without it.

    python -m bench [--only issuing,commands,handshakes,secure,judging,check,onboarding,
                            ledger,status,renewal,starts]

Everything of one row is measured in one run and by turns, with servers and clients on
this machine. What cannot be measured here stands in the table with the reason. Nothing
fails because it was slow: the table says whether what was wanted is reached, and the
reader knows how busy the machine was. docs/performance.md tells how to read it.
"""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING

from bench import (
    checking,
    commands,
    handshakes,
    issuing,
    judging,
    onboarding,
    recording,
    renewals,
    restarts,
    starts,
    statuses,
)
from bench.processes import say
from bench.rows import Figures, NotMeasured, Row, Unit, not_measured, ratio_at_least
from bench.table import describe_machine, load, show

if TYPE_CHECKING:
    from collections.abc import Callable


def _issuing() -> list[Row]:
    say("issuing in this process")
    ours, bare = issuing.measure()
    figures = Figures(ours, bare, Unit.PER_SECOND)
    how = (
        f"key, leaf and PEM, one thread; median of {issuing.ROUNDS} rounds"
        f" of {issuing.CERTIFICATES_OF_ROUND} certificates by turns"
    )
    wanted = ratio_at_least(figures, 0.7)
    return [Row("issuing in-process / bare cryptography calls", figures, how, wanted)]


_SECTIONS: dict[str, Callable[[], list[Row]]] = {
    "issuing": _issuing,
    "commands": commands.rows,
    "handshakes": handshakes.rows,
    "secure": restarts.rows,
    "judging": judging.rows,
    "check": checking.rows,
    "onboarding": onboarding.rows,
    "ledger": recording.rows,
    "status": statuses.rows,
    "renewal": renewals.rows,
    "starts": starts.rows,
}


def main() -> int:
    """Measure and print. Ctrl-C ends everything that was started, with exit code 130."""
    sections = _arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    before = load()
    rows: list[Row] = []
    try:
        for name in sections:
            try:
                rows += _SECTIONS[name]()
            except NotMeasured as why:
                rows.append(not_measured(name, why))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    show(rows)
    print(f"machine: {describe_machine()}")
    print(f"load: {before} before, {load()} after; the bench itself keeps one or two cores busy")
    return 0


def _arguments() -> list[str]:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only",
        metavar="SECTION,…",
        default=",".join(_SECTIONS),
        help=f"of {', '.join(_SECTIONS)}",
    )
    chosen: list[str] = parser.parse_args().only.split(",")
    unknown = [name for name in chosen if name not in _SECTIONS]
    if unknown:
        parser.error(f"there is no section {unknown[0]}: {', '.join(_SECTIONS)}")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
