"""The question for the recovery code, for every command that wakes the root's key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from housekey.errors import AnswerMissing, RecoveryCodeWrong

if TYPE_CHECKING:
    from collections.abc import Mapping

    from housekey.cli.output import Output
    from housekey.house.recovery import RecoveryCode

_TRIES = 3

recovery_code_option = click.option(
    "--recovery-code-file",
    metavar="FILE",
    help="The recovery code, in the first line; - is standard input.  [default: asked for]",
)


def recovery_code(options: Mapping[str, Any], *, output: Output | None = None) -> RecoveryCode:
    """Read the code from `--recovery-code-file`, or ask for it on a terminal, unseen.

    A typo is told where it was made, and asked for again. Whether it is the code of this house
    is known only when it opens something. Raises `AnswerMissing` where nobody can be asked,
    `RecoveryCodeWrong` for a code with a typo, `UsageError` for a file that holds none.
    """
    from housekey.cli.output import Output, visible  # noqa: PLC0415 - after --help
    from housekey.cli.pem.given import Given  # noqa: PLC0415
    from housekey.house.files import Files  # noqa: PLC0415
    from housekey.house.recovery import RecoveryCode  # noqa: PLC0415

    output = output or Output(as_json=options["as_json"])
    named = options["recovery_code_file"]
    if named is not None:
        line = Given(output, Files()).first_line(named, what="recovery code")
        return RecoveryCode.parse(line.reveal().decode(errors="replace"))
    for remaining in reversed(range(_TRIES)):
        answer = output.ask_secret("Recovery code")
        if answer is None:
            raise AnswerMissing("the recovery code", option="--recovery-code-file FILE")
        try:
            return RecoveryCode.parse(answer.reveal().decode(errors="replace"))
        except RecoveryCodeWrong as wrong:
            if not remaining:
                raise
            click.echo(f"  {visible(wrong.message)}; {visible(wrong.hint)}", err=True)
    raise AssertionError("the last try returns or raises")
