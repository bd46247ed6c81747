"""`housekey house rotate`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from housekey.cli.output import (
    Output,
    common_options,
    house_folder,
    note_code,
    now,
    open_house,
    promised,
    yes_option,
)
from housekey.cli.recovery_code import recovery_code, recovery_code_option
from housekey.errors import CodeNotNoted, HousekeyError, Stopped, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from housekey.house.generations import Kind, Why
    from housekey.house.house import House


_EXAMPLES = """\b
Examples:
  housekey house rotate                        a new root; the old one vouches for it meanwhile
  housekey house rotate                        once more: who has proved the new root, who has not
  housekey house rotate --finish               drop the old root
  housekey house rotate --lost-code            a new root without the recovery code of the old one
  housekey house rotate --leaked               somebody may have a key: a new root, at once
  housekey house rotate --permit cam.example.org     and let it speak for this name as well

docs/recovery.md tells, step by step, what to do when.
"""


@click.command("rotate", epilog=_EXAMPLES)
@click.option(
    "--permit",
    multiple=True,
    metavar="NAME",
    help="Let the new root speak for this name and what is below it, beside what the old one may.",
)
@click.option(
    "--lost-code", is_flag=True, help="The recovery code is lost: the new root waits for devices."
)
@click.option(
    "--leaked", is_flag=True, help="A key may have been stolen: no overlap, the old root ends now."
)
@click.option("--finish", is_flag=True, help="Drop the old root.")
@click.option(
    "--abort", is_flag=True, help="Go back to the old root, while nobody relies on the new one."
)
@click.option(
    "--keep-old-key",
    is_flag=True,
    help="With --finish: keep the sealed key of the old root, under old/.",
)
@recovery_code_option
@yes_option
@common_options
def command(**options: Any) -> None:
    """Give the house a new root, without a day on which a device is refused.

    The old root vouches for the new one, so devices that know either of them go on
    accepting everything, while housekey share leads them to the new one. Once all have
    proved it, or when you say so, the old root is dropped. Run without options while
    two roots are there, it shows how far that is.
    """
    from housekey.house.files import Files  # noqa: PLC0415 - after --help
    from housekey.house.lock import LOCK_SECONDS, house_lock  # noqa: PLC0415

    _must_be_one_thing(options)
    output = Output(as_json=options["as_json"], yes=options["yes"])
    folder = house_folder(options)
    open_house(folder).close()  # says what is wrong with it before a lock is made in it
    # Once for all that follows: what cannot be opened again must not make a failure of a change
    # that stands.
    with house_lock(folder, wait=LOCK_SECONDS, files=Files()), open_house(folder) as house:
        if options["finish"]:
            _finish(house, output, keep_old_key=options["keep_old_key"])
        elif options["abort"]:
            _abort(house, output)
        elif _is_under_way(house, options):
            _show(house, output)
        else:
            _begin(house, options, output)


def _must_be_one_thing(options: Mapping[str, Any]) -> None:
    said = [each for each in ("lost_code", "leaked", "finish", "abort") if options[each]]
    if len(said) > 1:
        one, other = (f"--{each.replace('_', '-')}" for each in said[:2])
        raise UsageError(f"{one} and {other} are two things", hint="say one of them")
    if options["keep_old_key"] and not options["finish"]:
        raise UsageError(
            "--keep-old-key is about dropping the old root", hint="say it together with --finish"
        )
    if options["permit"] and (options["finish"] or options["abort"]):
        raise UsageError(
            "--permit is about a new root", hint="say it when the rotation begins, not at its end"
        )


def _is_under_way(house: House, options: Mapping[str, Any]) -> bool:
    """Whether there is something to show; who asks for a new root meanwhile is refused it."""
    asks = any(options[each] for each in ("lost_code", "leaked", "permit"))
    return house.overlap is not None and not asks


def _begin(house: House, options: Mapping[str, Any], output: Output) -> None:
    from housekey.cli.house.rotate_telling import (  # noqa: PLC0415 - after --help
        document_of,
        heads_up,
        tell_begun,
    )
    from housekey.house.generations import Kind, Why  # noqa: PLC0415
    from housekey.house.root_key import open_root_key  # noqa: PLC0415
    from housekey.house.rotating import must_have_one_root, prepare_new_root  # noqa: PLC0415
    from housekey.onboarding.standing import standing_in  # noqa: PLC0415
    from housekey.pki.names import parse_name  # noqa: PLC0415

    permit = tuple(map(parse_name, options["permit"]))
    must_have_one_root(house)
    how, old = _how(house, options), house.root
    crossed = how is Kind.CROSSED
    key = open_root_key(house, recovery_code(options, output=output)) if crossed else None
    new = prepare_new_root(house, how, old_key=key, permit=permit)
    for line in heads_up(how, new):
        output.row("heads up", line)
    if how is Why.LEAKED and not output.confirm("Drop the old root at once?"):
        raise Stopped
    if not note_code(output, new.recovery_code, what="gets a new root"):
        raise CodeNotNoted
    not_noted = new.write(house)
    promised["recovery_code"] = new.recovery_code.text

    def tell() -> dict[str, Any]:
        standing = standing_in(house)
        tell_begun(house, how, standing, output)
        state = how.value if house.overlap else "done"
        return document_of(house, state, old=old, standing=standing)

    more = {"added": list(new.added), "recovery_code": new.recovery_code.text}
    _tell_what_stands(house, output, tell, {**more, "not_noted": not_noted})


def _tell_what_stands(
    house: House, output: Output, tell: Callable[[], dict[str, Any]], more: Mapping[str, Any]
) -> None:
    """Tell a change that is made. That the house cannot be read now does not undo it."""
    output.not_noted(more["not_noted"])
    document: dict[str, Any] = {}
    try:
        house.look_again()
        document = tell()
    except HousekeyError as trouble:
        document["warning"] = (
            f"it is done, but how the house stands now cannot be read: {trouble.message}"
        )
        output.row("warning", document["warning"])
        output.row("hint", trouble.hint)
    output.document({**document, **more})


def _how(house: House, options: Mapping[str, Any]) -> Kind | Why:
    from housekey.house.generations import Kind, Why  # noqa: PLC0415

    if options["leaked"]:
        return Why.LEAKED
    if house.root.not_valid_after_utc <= now():
        return Why.ENDED
    return Kind.WAITING if options["lost_code"] else Kind.CROSSED


def _show(house: House, output: Output) -> None:
    from housekey.cli.house.rotate_telling import (  # noqa: PLC0415 - after --help
        document_of,
        tell_standing,
    )
    from housekey.onboarding.standing import standing_in  # noqa: PLC0415

    standing, overlap = standing_in(house), house.overlap
    assert standing is not None  # noqa: S101 - only called while there is an overlap
    assert overlap is not None  # noqa: S101 - likewise
    tell_standing(house, standing, output)
    old = overlap.old_root
    output.document(document_of(house, overlap.kind.value, old=old, standing=standing))
    can_ask = sys.stdin.isatty() and sys.stderr.isatty() and not (output.as_json or output.yes)
    all_have = standing.known > 0 and not standing.missing
    if all_have and can_ask and output.confirm("All have proved it. Drop the old root now?"):
        _finish(house, output, keep_old_key=False)


def _finish(house: House, output: Output, *, keep_old_key: bool) -> None:
    from housekey.cli.house.rotate_telling import (  # noqa: PLC0415 - after --help
        document_of,
        listed,
        tell_dropped,
    )
    from housekey.house.rotating import finish  # noqa: PLC0415
    from housekey.onboarding.standing import standing_in  # noqa: PLC0415

    standing = standing_in(house)
    if standing is not None and standing.missing:
        output.row("missing", listed(standing.missing))
        number = len(standing.missing)
        has = "1 device has" if number == 1 else f"{number} devices have"
        output.row("heads up", f"{has} not proved the new root, and may be locked out")
        if not output.confirm("Drop the old root all the same?"):
            raise Stopped
    elif standing is not None and not (standing.known or standing.others):
        output.row(
            "heads up",
            "no device has proved the new root: those that lack it refuse what is renewed",
        )
    not_noted = finish(house, keep_old_key=keep_old_key)

    def tell() -> dict[str, Any]:
        old = house.former[-1].root
        tell_dropped(house, old, output)
        return document_of(house, "done", old=old, standing=standing)

    _tell_what_stands(house, output, tell, {"not_noted": not_noted})


def _abort(house: House, output: Output) -> None:
    from housekey.cli.house.rotate_telling import (  # noqa: PLC0415 - after --help
        called,
        document_of,
    )
    from housekey.house.rotating import abort  # noqa: PLC0415

    given_up = house.root_for_devices
    not_noted = abort(house)

    def tell() -> dict[str, Any]:
        output.row("root", f"{called(house.root)}, as before")
        output.row("given up", f"{called(given_up)}; its recovery code is of no use")
        return document_of(house, "aborted", old=None, standing=None)

    _tell_what_stands(house, output, tell, {"not_noted": not_noted})
