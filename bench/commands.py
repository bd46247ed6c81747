"""Whole processes, from the shell's point of view: housekey against openssl and mkcert.

Every run writes into a new folder. All contenders take turns, so that the ratios of
these rows come from the same minute.
"""

from __future__ import annotations

import sys
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.processes import Times, by_turns, need, output_of, say
from bench.rows import Figures, NotMeasured, Row, Unit, not_measured, ratio_below

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CERTIFICATE_ROUNDS = 25  # how long openssl searches for a 4096 bit key is luck
START_ROUNDS = 40
OPENSSL_LINE = "openssl req -sha256 -newkey rsa:4096 -nodes -x509 -days 730"
_NAMES = ("homeassistant.local", "192.168.1.20")
_NEW, _WITH_HOUSE = "housekey cert new", "housekey cert new, creating the house too"
_OPENSSL, _MKCERT, _MKCERT_ECDSA = "openssl req, rsa:4096", "mkcert", "mkcert -ecdsa"


def rows() -> list[Row]:
    """Return the rows about certificates, then the one about the bare start."""
    return [*_certificates(), _start()]


def openssl_line(folder: Path) -> list[str]:
    """Return the classic self-signed certificate, as the guides have it, into `folder`."""
    return [
        *OPENSSL_LINE.split(),
        *("-keyout", str(folder / "privkey.pem"), "-out", str(folder / "certificate.pem")),
        *("-subj", f"/CN={_NAMES[0]}"),
    ]


def housekey() -> Path:
    """Return the command of the environment that is running."""
    return Path(sys.executable).parent / "housekey"


def _certificates() -> list[Row]:
    with TemporaryDirectory(prefix="housekey-bench-") as name:
        contenders, missing = _contenders(Path(name))
        say(f"certificates: {CERTIFICATE_ROUNDS} rounds of {', '.join(contenders)}")
        times = by_turns(contenders, rounds=CERTIFICATE_ROUNDS)
    return [
        _compared(times, missing, _NEW, _OPENSSL, wanted=True),
        _compared(times, missing, _WITH_HOUSE, _OPENSSL),
        _compared(times, missing, _NEW, _MKCERT),
        _compared(times, missing, _NEW, _MKCERT_ECDSA),
    ]


def _contenders(folder: Path) -> tuple[dict[str, Callable[[], object]], dict[str, NotMeasured]]:
    """Return what can be run on this machine, and why the others cannot."""
    numbers = count()
    here = {"HOME": str(folder)}

    def fresh() -> Path:
        path = folder / str(next(numbers))
        path.mkdir()
        return path

    def cert_new(house: Path | None) -> None:
        out = fresh()
        places = ("--out", out, "--house", house or out / "house")
        output_of([housekey(), "cert", "new", *_NAMES, *places, "--yes"], env=here)

    def openssl() -> None:
        output_of(openssl_line(fresh()), env=here)

    def mkcert(*options: str) -> None:
        out = fresh()
        files = ("-cert-file", out / "certificate.pem", "-key-file", out / "privkey.pem")
        # Its own trust stores are left alone, and not searched for at the cost of its time.
        env = {**here, "CAROOT": str(folder / "ca"), "TRUST_STORES": "system"}
        output_of(["mkcert", *options, *files, *_NAMES], env=env)

    contenders: dict[str, Callable[[], object]] = {
        _NEW: partial(cert_new, folder / "house"),
        _WITH_HOUSE: partial(cert_new, None),
    }
    others: dict[str, dict[str, Callable[[], object]]] = {
        "openssl": {_OPENSSL: openssl},
        "mkcert": {_MKCERT: mkcert, _MKCERT_ECDSA: partial(mkcert, "-ecdsa")},
    }
    missing: dict[str, NotMeasured] = {}
    for program, its in others.items():
        try:
            need(program)
        except NotMeasured as why:
            missing |= dict.fromkeys(its, why)
        else:
            contenders |= its
    return contenders, missing


def _compared(
    times: Mapping[str, Times],
    missing: Mapping[str, NotMeasured],
    ours: str,
    theirs: str,
    *,
    wanted: bool = False,
) -> Row:
    what = f"{ours} / {theirs}"
    if theirs in missing:
        return not_measured(what, missing[theirs])
    figures = _milliseconds(times[ours], times[theirs])
    return Row(
        what,
        figures,
        f"whole processes by turns, median of {CERTIFICATE_ROUNDS};"
        f" ours {times[ours].spread}, theirs {times[theirs].spread}",
        wanted=ratio_below(figures, 1) if wanted else None,
    )


def _start() -> Row:
    say(f"start: {START_ROUNDS} rounds of housekey --version and an import of click")
    commands: dict[str, list[str | Path]] = {
        "ours": [housekey(), "--version"],
        "theirs": [sys.executable, "-c", "import click"],
    }
    times = by_turns(
        {name: partial(output_of, command) for name, command in commands.items()},
        rounds=START_ROUNDS,
    )
    figures = _milliseconds(times["ours"], times["theirs"])
    how = f"whole processes by turns, median of {START_ROUNDS}"
    what = "housekey --version / python -c 'import click'"
    return Row(what, figures, how, wanted=ratio_below(figures, 2.5))


def _milliseconds(ours: Times, theirs: Times) -> Figures:
    return Figures(ours.median * 1000, theirs.median * 1000, Unit.MILLISECONDS)
