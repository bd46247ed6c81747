"""What `trust` and `untrust` have in common: which root, which stores, by what it is proven."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from housekey.cli.output import Output, house_folder, now, open_house
from housekey.errors import HousekeyError, HouseMissing, Stopped, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cryptography.x509 import Certificate

    from housekey.trust.run import Outcome
    from housekey.trust.store import Proof, Server, Store
    from housekey.trust.variables import Line

_NO_SERVER = "no server of this home is known here; --prove HOST:PORT names one"
_LOCK_SECONDS = 10.0


def options_of_both(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which root and which stores."""
    from housekey.trust.every import NAMES, VARIABLES  # noqa: PLC0415 - cheap: names alone

    for option in (
        click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing."),
        click.option(
            "--prove",
            metavar="HOST:PORT",
            help="A server of the home to prove by.  [default: one that is started for it]",
        ),
        click.option(
            "--fingerprint",
            metavar="HEX",
            help="The root's SHA-256 fingerprint, as housekey share shows it.",
        ),
        click.option("--root", "root_file", metavar="FILE", help="The root is in this file."),
        click.option(
            "--from",
            "page",
            metavar="URL",
            help="The root is on this onboarding page, of housekey share on another machine.",
        ),
        click.option(
            "--store",
            "stores",
            multiple=True,
            metavar="NAME",
            help=f"Only this one; again for more: {', '.join((*NAMES, VARIABLES))}.",
        ),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Chosen:
    """The root that is meant, and what is known around it."""

    root: Certificate
    source: str  # for people
    again: tuple[str, ...]  # the options that choose it once more
    house: Path | None = None  # this machine's house, if it is its root
    server: Server | None = None  # to prove by, if one is named


def carry_out(options: dict[str, Any], *, taking_out: bool) -> None:
    """Do all that the command does, and end with its exit code."""
    from housekey.cli import trust_telling as telling  # noqa: PLC0415 - after --help
    from housekey.trust import run  # noqa: PLC0415
    from housekey.trust.every import VARIABLES, stores_for  # noqa: PLC0415
    from housekey.trust.machine import this_machine  # noqa: PLC0415
    from housekey.trust.variables import lines_for, prove_line  # noqa: PLC0415

    output = Output(as_json=options["as_json"], yes=options["yes"])
    machine = this_machine()
    every, stores = stores_for(machine), stores_for(machine, only=options["stores"])
    chosen = _choose(options, every, taking_out=taking_out)
    telling.cite(output, chosen)
    dry_run, with_lines = (
        options["dry_run"],
        not options["stores"] or VARIABLES in options["stores"],
    )
    if not taking_out and chosen.house is None:
        _refuse_unfit(chosen, unconstrained=options["unconstrained"])
    if not dry_run:
        _compare(chosen, options, output, taking_out=taking_out)

    def lines() -> tuple[Line, ...]:
        return lines_for(machine, every, chosen.root) if with_lines else ()

    lines_before = lines()
    outcomes = tuple(run.plan(each, chosen.root, machine, taking_out=taking_out) for each in stores)
    proven: list[tuple[Line, Proof | None]] = [(line, None) for line in lines()]
    if not dry_run:
        _ask(outcomes, chosen, output, taking_out=taking_out)
        with _server(chosen, lenient=taking_out) as (server, why_not):
            outcomes = tuple(
                run.carry_out(
                    store,
                    chosen.root,
                    machine,
                    taking_out=taking_out,
                    server=server,
                    why_no_server=why_not,
                )
                for store in _one_by_one(stores, output)
            )
            proven = [
                (line, prove_line(machine, line, server) if server else None) for line in lines()
            ]
    telling.tell(
        output,
        telling.Story(
            chosen=chosen,
            outcomes=outcomes,
            lines=tuple(proven),
            lines_before=lines_before,
            named=tuple(options["stores"]),
            taking_out=taking_out,
            dry_run=dry_run,
            unconstrained=bool(options.get("unconstrained")),
        ),
    )
    code = run.exit_code(outcomes)
    if any(proof is not None and proof.accepts is False for _, proof in proven) and not taking_out:
        code = max(code, 1)
    if code > (1 if dry_run else 0):
        raise click.exceptions.Exit(code)


def _choose(options: dict[str, Any], stores: Sequence[Store], *, taking_out: bool) -> Chosen:
    """Find the root that is meant. Nothing of it is believed yet, but this machine's own."""
    from housekey.trust.page import fetch, server_at  # noqa: PLC0415 - after --help
    from housekey.trust.root import digits_of, root_in  # noqa: PLC0415

    if options["page"] and options["root_file"]:
        raise UsageError(
            "--from and --root name two roots", hint="say one of them: the page, or the file"
        )
    server = server_at(options["prove"]) if options["prove"] else None
    again = ("--prove", options["prove"]) if options["prove"] else ()
    if options["fingerprint"]:
        digits_of(options["fingerprint"])  # a typo is told before anything is asked
    if options["page"]:
        page = fetch(options["page"])
        source = f"the page at {page.url}"
        return Chosen(page.root, source, ("--from", page.url, *again), None, server or page.server)
    if options["root_file"]:
        path = Path(options["root_file"]).absolute()
        root = root_in(_read(path), source=str(path))
        return Chosen(
            root, str(path), ("--root", str(path), *again), _house_of(root, options), server
        )
    if taking_out and options["fingerprint"]:
        found = _find(digits_of(options["fingerprint"]), stores, options)
        return Chosen(found, "this computer", again, _house_of(found, options), server)
    folder = house_folder(options)
    try:
        with open_house(folder) as house:
            root = house.root
    except (HouseMissing, ImportError) as missing:  # ImportError: Windows cannot have one
        raise HouseMissing(
            f"there is no house in {folder}",
            hint="housekey secure creates one. If it is on another machine, run housekey share"
            " there, and give the address that it shows: --from http://…:8125",
        ) from missing
    return Chosen(root, f"the house in {folder}", ("--house", str(folder), *again), folder, server)


def _read(path: Path) -> bytes:
    from housekey.errors import FileTrouble  # noqa: PLC0415 - house.reasons cannot fail on Windows
    from housekey.house.reasons import trouble_from  # noqa: PLC0415

    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except OSError as error:
        trouble: FileTrouble = trouble_from(path, error)
        raise trouble from error


_MOST_BYTES = 1024 * 1024


def _house_of(root: Certificate, options: dict[str, Any]) -> Path | None:
    """Return this machine's house, if `root` is its own: then it can show a certificate."""
    folder = house_folder(options)
    try:
        with open_house(folder) as house:
            return folder if house.root == root else None
    except (HousekeyError, ImportError):
        return None


def _find(digits: str, stores: Sequence[Store], options: dict[str, Any]) -> Certificate:
    """Return the root with this fingerprint, from the stores or from this machine's house."""
    from housekey.pki.encoding import fingerprint  # noqa: PLC0415 - loaded already
    from housekey.trust.store import Finder  # noqa: PLC0415

    for store in stores:
        if isinstance(store, Finder) and (found := store.find(digits)) is not None:
            return found
    with (
        contextlib.suppress(HousekeyError, ImportError),
        open_house(house_folder(options)) as house,
    ):
        if fingerprint(house.root) == digits:
            return house.root
    raise UsageError(
        "no root with this fingerprint is in the system's store of this computer",
        hint="name its file with --root, so that the other stores can be searched for it",
    )


def _refuse_unfit(chosen: Chosen, *, unconstrained: bool) -> None:
    from housekey.trust.root import must_be_a_root, must_be_limited  # noqa: PLC0415 - after --help

    must_be_a_root(chosen.root, source=chosen.source, now=now())
    if not unconstrained:
        must_be_limited(chosen.root)


def _compare(chosen: Chosen, options: dict[str, Any], output: Output, *, taking_out: bool) -> None:
    """Have the fingerprint compared: by the one that was given, else by the person at the terminal.

    --yes answers nothing here: it cannot have compared anything.
    """
    from housekey.trust.root import digits_of, must_be  # noqa: PLC0415 - after --help

    if options["fingerprint"]:
        must_be(chosen.root, digits_of(options["fingerprint"]), source=chosen.source)
        return
    if chosen.house is not None or (taking_out and options["root_file"]):
        return
    question = "Does housekey share on the other machine show this very fingerprint?"
    if not Output(as_json=output.as_json).confirm(question, option="--fingerprint"):
        raise Stopped


def _ask(outcomes: Sequence[Outcome], chosen: Chosen, output: Output, *, taking_out: bool) -> None:
    from housekey.trust.run import End  # noqa: PLC0415 - after --help

    changes = [each.title for each in outcomes if each.end in (End.WOULD_INSTALL, End.WOULD_REMOVE)]
    if not changes or (chosen.house is None and not taking_out):  # it was just compared
        return
    verb = "Take it out of" if taking_out else "Put it into"
    for title in changes:
        output.row("into" if not taking_out else "out of", title)
    places = "this store" if len(changes) == 1 else f"these {len(changes)} stores"
    if not output.confirm(f"{verb} {places}?"):
        raise Stopped


@contextlib.contextmanager
def _server(chosen: Chosen, *, lenient: bool) -> Iterator[tuple[Server | None, str]]:
    """Yield a server under the root, or why there is none.

    `lenient`: a house that cannot issue any more is no reason not to go on.
    """
    if chosen.server is not None:
        yield chosen.server, ""
        return
    if chosen.house is None:
        yield None, _NO_SERVER
        return
    from housekey.house.files import Files  # noqa: PLC0415 - not on Windows
    from housekey.house.lock import house_lock  # noqa: PLC0415
    from housekey.trust.proving import proving_server  # noqa: PLC0415

    why_not = ""
    with contextlib.ExitStack() as stack:
        server = None
        try:
            house = stack.enter_context(open_house(chosen.house))
            stack.enter_context(house_lock(chosen.house, wait=_LOCK_SECONDS, files=Files()))
            server = stack.enter_context(proving_server(house))
        except HousekeyError as error:
            if not lenient:
                raise
            why_not = error.message
        yield server, why_not


def _one_by_one(stores: Sequence[Store], output: Output) -> Iterator[Store]:
    for store in stores:
        output.busy(f"at work on {store.title}")
        yield store
    output.busy("")
