"""`housekey house rotate`."""

from __future__ import annotations

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
from housekey.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cryptography.x509 import Certificate

    from housekey.house.generations import Kind, Why
    from housekey.house.house import House
    from housekey.house.rotating import NewRoot
    from housekey.onboarding.standing import Standing

_LOCK_SECONDS = 10.0
_MOST_NAMED = 8

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
    from housekey.house.lock import house_lock  # noqa: PLC0415

    _must_be_one_thing(options)
    output = Output(as_json=options["as_json"], yes=options["yes"])
    folder = house_folder(options)
    open_house(folder).close()  # says what is wrong with it before a lock is made in it
    with house_lock(folder, wait=_LOCK_SECONDS, files=Files()):
        if options["finish"]:
            _finish(folder, output, keep_old_key=options["keep_old_key"])
        elif options["abort"]:
            _abort(folder, output)
        elif _is_under_way(folder, options):
            _show(folder, output)
        else:
            _begin(folder, options, output)


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


def _is_under_way(folder: Path, options: Mapping[str, Any]) -> bool:
    """Whether there is something to show; who asks for a new root meanwhile is refused it."""
    asks = any(options[each] for each in ("lost_code", "leaked", "permit"))
    with open_house(folder) as house:
        return house.overlap is not None and not asks


# A new root.


def _begin(folder: Path, options: Mapping[str, Any], output: Output) -> None:
    from housekey.house.generations import Kind  # noqa: PLC0415
    from housekey.house.root_key import open_root_key  # noqa: PLC0415
    from housekey.house.rotating import (  # noqa: PLC0415
        must_have_one_root,
        prepare_new_root,
    )
    from housekey.pki.names import parse_name  # noqa: PLC0415

    permit = tuple(map(parse_name, options["permit"]))
    with open_house(folder) as house:
        must_have_one_root(house)
        how = _how(house, options)
        key = None
        if how is Kind.CROSSED:
            key = open_root_key(house, recovery_code(options, output=output))
        new = prepare_new_root(house, how, old_key=key, permit=permit)
        for line in _heads_up(how, new):
            output.row("heads up", line)
        _must_be_wanted(how, output)
        if not note_code(output, new.recovery_code, what="gets a new root"):
            raise click.exceptions.Abort
        new.write(house)
        promised["recovery_code"] = new.recovery_code.text
    _show(folder, output, new=new, how=how)


def _how(house: House, options: Mapping[str, Any]) -> Kind | Why:
    from housekey.house.generations import Kind, Why  # noqa: PLC0415

    if options["leaked"]:
        return Why.LEAKED
    if house.root.not_valid_after_utc <= now():
        return Why.ENDED
    return Kind.WAITING if options["lost_code"] else Kind.CROSSED


def _heads_up(how: Kind | Why, new: NewRoot) -> tuple[str, ...]:
    from housekey.house.generations import Kind, Why  # noqa: PLC0415

    told = {
        Kind.WAITING: (
            "without the old code the old root can vouch for nothing: servers go on under the old"
            " root, and change to the new one when you run housekey house rotate --finish",
            "a device that is set up in between knows the new root alone, and opens Home Assistant"
            " only after that",
        ),
        Why.LEAKED: (
            "every device refuses Home Assistant until it has got the new root; take the old one"
            " off every device: who has the key can pretend to be your home until then",
        ),
        Why.ENDED: ("the old root has ended, so no device accepts it any more",),
    }.get(how, ())
    if not new.added or isinstance(how, Why):
        return told
    added = ", ".join(new.added)
    if how is Kind.WAITING:
        return (*told, f"{added}: only after --finish")
    return (
        *told,
        f"a certificate with a name of {added} is refused as a whole by devices that know the old"
        " root alone: give such a name to nothing that they use before --finish",
    )


def _must_be_wanted(how: Kind | Why, output: Output) -> None:
    """Ask before devices are locked out."""
    from housekey.errors import Stopped  # noqa: PLC0415
    from housekey.house.generations import Why  # noqa: PLC0415

    if how is Why.LEAKED and not output.confirm("Drop the old root at once?"):
        raise Stopped


# Where it stands.


def _show(
    folder: Path,
    output: Output,
    *,
    new: NewRoot | None = None,
    how: Kind | Why | None = None,
) -> None:
    from housekey.onboarding.standing import standing_in  # noqa: PLC0415

    with open_house(folder) as house:
        standing = standing_in(house)
        due = _due(house)
        root, old = house.root_for_devices, _old_root(house)
        overlap = house.overlap
        output.row("root", _called(root) + (", new" if new is not None or overlap else ""))
        if overlap is not None:
            assert standing is not None  # noqa: S101 - there is an overlap
            _tell_overlap(house, standing, due, output, begins=new is not None)
        else:
            output.row("done", _told_end(how))
            _tell_next(due, output, shares=True)
        document = {
            "state": overlap.kind.value if overlap else "done",
            "since": overlap.since.isoformat() if overlap else None,
            "root": _facts(root),
            "old_root": _facts(old) if old is not None else None,
            "added": list(new.added) if new is not None else [],
            "devices": _counts(standing),
            "due": list(due),
        }
        if new is not None:
            document["recovery_code"] = new.recovery_code.text
        offers = overlap is not None and standing is not None and standing.known > 0
        ready = offers and standing is not None and standing.complete and new is None
    output.document(document)
    if ready and _may_ask(output) and output.confirm("All have proved it. Drop the old root now?"):
        _finish(folder, output, keep_old_key=False)


def _tell_overlap(
    house: House, standing: Standing, due: tuple[str, ...], output: Output, *, begins: bool
) -> None:
    from housekey.house.generations import Kind  # noqa: PLC0415

    overlap = house.overlap
    assert overlap is not None  # noqa: S101 - the caller has looked
    crossed = overlap.kind is Kind.CROSSED
    output.row("old root", _called(overlap.old_root))
    if begins:
        what = (
            "the old root vouches for the new one: devices that know either accept everything"
            if crossed
            else "servers go on under the old root; devices can learn the new one from now on"
        )
    else:
        since = f"since {overlap.since:%d %B %Y}".replace(" 0", " ")
        vouches = "the old root vouches for the new one"
        what = f"{vouches} {since}" if crossed else f"the new root waits for the devices {since}"
    output.row("overlap", what)
    output.row("proved", _told(standing))
    if standing.missing:
        output.row("missing", _listed(standing.missing))
    _tell_next(due, output, shares=not standing.complete or standing.known == 0)
    if not begins or not standing.known:
        output.row("", "housekey house rotate --finish drops the old root")
    else:
        output.row("", "housekey house rotate shows who has; --finish drops the old root")


def _tell_next(due: tuple[str, ...], output: Output, *, shares: bool) -> None:
    labels = iter(("next", "", ""))
    if due:
        output.row(next(labels), f"servers present it after housekey renew: {_listed(due)}")
    if shares:
        output.row(next(labels), "phones and laptops: housekey share leads them to the new root")
        output.row(next(labels), "this computer: housekey trust")


def _told(standing: Standing) -> str:
    more = f"; and {standing.others} more" if standing.others else ""
    if not standing.known:
        return f"no device had proved the old root{more and f'; {standing.others} the new one'}"
    devices = "device" if standing.known == 1 else "devices"
    return f"{standing.proved} of {standing.known} {devices} that had proved the old root{more}"


def _counts(standing: Standing | None) -> dict[str, Any] | None:
    if standing is None:
        return None
    return {
        "known": standing.known,
        "proved": standing.proved,
        "missing": list(standing.missing),
        "others": standing.others,
    }


# The ends.


def _finish(folder: Path, output: Output, *, keep_old_key: bool) -> None:
    from housekey.errors import Stopped  # noqa: PLC0415
    from housekey.house.rotating import finish  # noqa: PLC0415
    from housekey.onboarding.standing import standing_in  # noqa: PLC0415

    with open_house(folder) as house:
        standing, old = standing_in(house), _old_root(house)
        if standing is not None and standing.missing:
            number = len(standing.missing)
            output.row("missing", _listed(standing.missing))
            has = "device has" if number == 1 else "devices have"
            output.row("heads up", f"{number} {has} not proved the new root, and will be refused")
            if not output.confirm("Drop the old root all the same?"):
                raise Stopped
        finish(house, keep_old_key=keep_old_key)
    with open_house(folder) as house:
        due, root = _due(house), house.root
    output.row("root", _called(root))
    output.row("dropped", f"{_called(old)}; take it off the devices when you come by")
    output.row("", "on this computer: housekey untrust --root FILE, with old/NNNN/root.pem")
    _tell_next(due, output, shares=False)
    output.document(
        {
            "state": "done",
            "since": None,
            "root": _facts(root),
            "old_root": _facts(old),
            "added": [],
            "devices": _counts(standing),
            "due": list(due),
        }
    )


def _abort(folder: Path, output: Output) -> None:
    from housekey.house.rotating import abort  # noqa: PLC0415

    with open_house(folder) as house:
        given_up = house.root_for_devices
        abort(house)
    with open_house(folder) as house:
        due, root = _due(house), house.root
    output.row("root", f"{_called(root)}, as before")
    output.row("gone", f"{_called(given_up)}; its recovery code is of no use")
    _tell_next(due, output, shares=False)
    output.document({"state": "aborted", "root": _facts(root), "due": list(due)})


def _told_end(how: Kind | Why | None) -> str:
    from housekey.house.generations import Why  # noqa: PLC0415

    if how is Why.LEAKED:
        return "the old root counts no more; take it off every device"
    return "the old root counts no more"


def _old_root(house: House) -> Certificate | None:
    if house.overlap is not None:
        return house.overlap.old_root
    return house.former[-1].root if house.former else None


def _due(house: House) -> tuple[str, ...]:
    """Return what the certificates are called that servers present under an older chain."""
    from housekey.cli.cert import shown  # noqa: PLC0415
    from housekey.house.leaves import ONBOARDING  # noqa: PLC0415

    return tuple(
        shown(leaf)
        for leaf in house.leaves()
        if leaf.label != ONBOARDING and not house.is_current(leaf)
    )


def _called(certificate: Certificate) -> str:
    from cryptography.x509 import NameOID  # noqa: PLC0415 - slow to import

    from housekey.pki.encoding import fingerprint  # noqa: PLC0415
    from housekey.pki.fingerprint import grouped  # noqa: PLC0415

    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return f"{found[0].value} (SHA-256 {grouped(fingerprint(certificate))[:11]}…)"


def _facts(certificate: Certificate) -> dict[str, str]:
    from housekey.pki.encoding import fingerprint  # noqa: PLC0415

    return {
        "subject": certificate.subject.rfc4514_string(),
        "sha256": fingerprint(certificate),
        "not_after": certificate.not_valid_after_utc.isoformat(),
    }


def _listed(what: tuple[str, ...]) -> str:
    more = len(what) - _MOST_NAMED
    return ", ".join(what[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _may_ask(output: Output) -> bool:
    import sys  # noqa: PLC0415 - rarely needed

    return not output.as_json and not output.yes and sys.stdin.isatty() and sys.stderr.isatty()
