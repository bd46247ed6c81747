"""`housekey house recover`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from housekey.cli.output import Output, common_options, house_folder, now, yes_option
from housekey.cli.recovery_code import recovery_code, recovery_code_option
from housekey.errors import Stopped
from housekey.house.labels import shown

if TYPE_CHECKING:
    from housekey.house.ledger import IssuedCertificate
    from housekey.house.recovering import Recovered, Remains

_MOST_NAMED = 20


@click.command("recover", short_help="A new issuing CA, with the recovery code.")
@click.option(
    "--leaked", is_flag=True, help="Somebody else may have the key of the present issuing CA."
)
@recovery_code_option
@yes_option
@common_options
def command(**options: Any) -> None:
    """Make a new issuing CA under the same root, with the recovery code.

    For an issuing CA that has ended, or whose key is lost or damaged. It needs root.pem,
    root.key.sealed and the code; all else may be missing. Devices notice nothing, and what is
    served stays good until `housekey renew` replaces it.
    """
    from housekey.house.files import Files  # noqa: PLC0415 - after --help
    from housekey.house.lock import LOCK_SECONDS, house_lock  # noqa: PLC0415
    from housekey.house.recovering import (  # noqa: PLC0415
        must_be_recoverable,
        must_be_there,
        recover,
        remains_of,
    )

    output = Output(as_json=options["as_json"], yes=options["yes"])
    files = Files()
    folder = house_folder(options)
    must_be_there(folder)  # before a lock is left in a folder that is no house
    with house_lock(folder, wait=LOCK_SECONDS, files=files):
        remains = remains_of(folder, files=files)
        must_be_recoverable(remains, leaked=options["leaked"], now=now())
        _confirmed(remains, options, output)
        code = recovery_code(options, output=output)
        done = recover(remains, code, leaked=options["leaked"], files=files, now=now())
    due = [shown(label) for label in done.due]
    warning = None
    if done.not_seen is not None:
        warning = f"it is done, but how the house stands now cannot be read: {done.not_seen}"
        output.row("warning", warning)
    output.not_noted(done.not_noted)
    output.row("recovered", f"a new issuing CA, {_name(done)}")
    output.row("", f"good until {done.issuing.not_valid_after_utc:%d %B %Y}, under the same root")
    if done.ledger_rebuilt:
        output.row("ledger", "it was missing or damaged, and was made again of what is here")
    if due:
        number = f"{len(due)} certificate{'' if len(due) == 1 else 's'}"
        output.row("due", f"{number} of an earlier issuing CA: {', '.join(due)}")
        output.row("", "what is served stays good under the root until it is renewed")
    if options["leaked"]:
        _tell_of_leak(done, output)
    output.row("next", "housekey renew" if due else "housekey house backup FILE")
    output.document(
        {
            "house": str(folder),
            "issuing": {
                "subject": done.issuing.subject.rfc4514_string(),
                "not_after": done.issuing.not_valid_after_utc.isoformat(),
            },
            "due": due,
            "still_accepted": [_facts(each) for each in done.accepted],
            "ledger_rebuilt": done.ledger_rebuilt,
            "not_noted": done.not_noted,
            **({"warning": warning} if warning else {}),
        }
    )


def _confirmed(remains: Remains, options: dict[str, Any], output: Output) -> None:
    """Ask whether it is meant, where the present issuing CA has nothing wrong with it."""
    issuing = remains.issuing
    if options["leaked"] or issuing is None or not remains.has_key:
        return
    if issuing.not_valid_after_utc <= now():
        return
    output.row("heads up", "the present issuing CA has its key, and is good until")
    output.row("", f"{issuing.not_valid_after_utc:%d %B %Y}; if its key was stolen: --leaked")
    if not output.confirm("Make a new one all the same?"):
        raise Stopped


def _tell_of_leak(done: Recovered, output: Output) -> None:
    """Say plainly what a new issuing CA does not do."""
    old = done.old
    until = f"until {old.not_valid_after_utc:%d %B %Y}" if old else "until it ends"
    output.row("heads up", "whoever has the old key can go on making certificates for the names of")
    output.row("", f"this home, and devices that trust the root accept them {until}.")
    output.row("", "Nothing withdraws that but a new root: housekey house rotate --leaked")
    for each in done.accepted[:_MOST_NAMED]:
        named = shown(each.label) if each.label else ", ".join(each.names)
        output.row("accepted", f"{named}, until {each.not_after:%d %B %Y} (old issuing CA)")
    if (more := len(done.accepted) - _MOST_NAMED) > 0:
        output.row("", f"and {more} more")


def _name(done: Recovered) -> str:
    from cryptography.x509.oid import NameOID  # noqa: PLC0415 - loaded already

    (found,) = done.issuing.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found.value)


def _facts(issued: IssuedCertificate) -> dict[str, Any]:
    return {
        "label": issued.label,
        "names": list(issued.names),
        "serial": f"{issued.serial:x}",
        "not_after": issued.not_after.isoformat(),
    }
