"""What `trust` and `untrust` have in common: their options, and how they go about it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import click

from housekey.cli.output import Output, open_house
from housekey.cli.trust_choosing import choose, compare, refuse_unfit
from housekey.cli.trust_former import tell_former
from housekey.errors import HousekeyError, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from housekey.cli.trust_choosing import Chosen
    from housekey.trust.run import Outcome
    from housekey.trust.store import Machine, Proof, Server, Store
    from housekey.trust.variables import Line

_NO_SERVER = "no server of this home is known here; --prove HOST:PORT names one"
_KEY_IS_GONE = "the key of that root is gone, so no server can show a certificate of it"


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


def carry_out(options: dict[str, Any], *, taking_out: bool) -> None:
    """Do all that the command does, and end with its exit code."""
    from housekey.cli import trust_telling as telling  # noqa: PLC0415 - after --help
    from housekey.trust.every import VARIABLES, stores_for  # noqa: PLC0415
    from housekey.trust.machine import this_machine  # noqa: PLC0415
    from housekey.trust.run import exit_code, plan  # noqa: PLC0415
    from housekey.trust.variables import lines_for  # noqa: PLC0415

    output = Output(as_json=options["as_json"], yes=options["yes"])
    machine = this_machine()
    every = stores_for(machine)
    stores = stores_for(machine, only=options["stores"])
    chosen = choose(options, every, taking_out=taking_out)
    telling.cite(output, chosen)
    if not taking_out and chosen.house is not None:
        _tell_another_road(output, chosen.house)
    if not taking_out and chosen.house is None:
        refuse_unfit(chosen, unconstrained=options["unconstrained"])
    if not options["dry_run"]:
        compare(chosen, options, output, taking_out=taking_out)
    with_lines = not options["stores"] or VARIABLES in options["stores"]

    def lines() -> tuple[Line, ...]:
        return lines_for(machine, every, chosen.root) if with_lines else ()

    lines_before = lines()
    outcomes = tuple(plan(each, chosen.root, machine, taking_out=taking_out) for each in stores)
    proven: tuple[tuple[Line, Proof | None], ...] = tuple((line, None) for line in lines_before)
    if not options["dry_run"]:
        _ask(outcomes, chosen, output, taking_out=taking_out)
        outcomes, proven = _done(stores, lines, chosen, machine, output, taking_out=taking_out)
    story = telling.Story(
        chosen=chosen,
        outcomes=outcomes,
        lines=proven,
        lines_before=lines_before,
        named=tuple(options["stores"]),
        taking_out=taking_out,
        dry_run=options["dry_run"],
        unconstrained=bool(options.get("unconstrained")),
    )
    telling.tell(output, story)
    if not taking_out:
        tell_former(output, chosen.house, stores, machine)
    code = exit_code(outcomes)
    if telling.not_here(story) and options["stores"]:
        code = max(code, 1)  # it was asked for by name
    if not taking_out and any(proof and proof.accepts is False for _, proof in proven):
        code = max(code, 1)
    if code > 1 or (code == 1 and not options["dry_run"]):
        raise click.exceptions.Exit(code)


def _tell_another_road(output: Output, house: Path) -> None:
    from housekey.cli.another_road import another_road  # noqa: PLC0415 - after --help
    from housekey.house.files import Files  # noqa: PLC0415
    from housekey.house.road import read_road  # noqa: PLC0415

    if (other := another_road(read_road(house, files=Files()))) is not None:
        output.row("heads up", other)


def _done(
    stores: Sequence[Store],
    lines: Callable[[], tuple[Line, ...]],
    chosen: Chosen,
    machine: Machine,
    output: Output,
    *,
    taking_out: bool,
) -> tuple[tuple[Outcome, ...], tuple[tuple[Line, Proof | None], ...]]:
    """Change and prove each store, and then the lines that can be set by now."""
    from housekey.trust import run  # noqa: PLC0415 - after --help
    from housekey.trust.variables import prove_line  # noqa: PLC0415

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
        proven = tuple(
            (line, prove_line(machine, line, server) if server else None) for line in lines()
        )
    return outcomes, proven


def _ask(outcomes: Sequence[Outcome], chosen: Chosen, output: Output, *, taking_out: bool) -> None:
    from housekey.trust.run import End  # noqa: PLC0415 - after --help

    changes = [each.title for each in outcomes if each.end in (End.WOULD_INSTALL, End.WOULD_REMOVE)]
    if not changes or (chosen.house is None and not taking_out):  # it was just compared
        return
    verb = "Take it out of" if taking_out else "Put it into"
    for title in changes:
        output.row("out of" if taking_out else "into", title)
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
        yield None, _KEY_IS_GONE if chosen.is_over else _NO_SERVER
        return
    from housekey.house.files import Files  # noqa: PLC0415 - not on Windows
    from housekey.house.lock import house_lock  # noqa: PLC0415
    from housekey.trust.proving import proving_server  # noqa: PLC0415

    why_not = ""
    with contextlib.ExitStack() as stack:
        server = None
        try:
            house = stack.enter_context(open_house(chosen.house))
            # Held to sign, not to prove: that may take a minute, and others wait.
            with house_lock(chosen.house, files=Files()):
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
