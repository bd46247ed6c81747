"""The passphrase of a backup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from housekey.errors import AnswerMissing, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from housekey.cli.output import Output
    from housekey.pki.secret import Secret

# Whoever has the file may try as long as they like; at four guesses a second and core, twelve
# random small letters take a thousand cores some hundred thousand years.
LEAST_BYTES = 12
_OPTION = "--passphrase-file FILE"


def new_passphrase(options: Mapping[str, Any], output: Output) -> Secret:
    """Read the passphrase to seal with from `--passphrase-file`, or ask for it twice, unseen.

    Raises `AnswerMissing` where nobody can be asked, `UsageError` for one that is too short.
    """
    if options["passphrase_file"] is None:
        output.row("sealing", "choose a passphrase: it alone opens the backup, and nobody can")
        output.row("", "find it for you. Four words that do not belong together are a good one.")
    found = _given(options, output, "Passphrase for the backup", again=True)
    if len(found.reveal()) < LEAST_BYTES:
        raise UsageError(
            f"the passphrase is too short: whoever has the file can try all of that length"
            f" (at least {LEAST_BYTES} letters)",
            hint="four words that do not belong together are a good one",
        )
    return found


def passphrase(options: Mapping[str, Any], output: Output) -> Secret:
    """Read the passphrase to open with, or ask for it, unseen. Raises as `new_passphrase`."""
    return _given(options, output, "Passphrase of the backup", again=False)


def _given(options: Mapping[str, Any], output: Output, question: str, *, again: bool) -> Secret:
    from housekey.cli.pem.given import Given  # noqa: PLC0415 - after --help
    from housekey.house.files import Files  # noqa: PLC0415

    if options["passphrase_file"] is not None:
        return Given(output, Files()).first_line(options["passphrase_file"])
    found = output.ask_secret(question, again=again)
    if found is None:
        raise AnswerMissing("the passphrase of the backup", option=_OPTION)
    return found
