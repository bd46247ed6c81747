"""`housekey`: the commands, each loaded only when it is called, and the one place for errors.

The rules of the terminal, before the code that follows them:

* Results go to standard output, everything else to standard error. With
  `--json` standard output is exactly one JSON document, on failure too.
* A question is asked only on a terminal. `--yes` answers the safe way; without
  a terminal a missing answer is an error that names the option.
* An error is two lines, `error: …` and `hint: …`. A traceback is shown only
  with `-vv`.
* Exit codes: 0 done; 1 the answer is no; 2 wrong usage; 3 failed, nothing was
  changed; 4 failed, and put back as before; 130 interrupted.
* Work longer than a second says what it is doing; no colour where nobody sees it.
"""

from __future__ import annotations

import errno
import io
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from housekey import __version__
from housekey.cli.lazy import LazyGroup
from housekey.errors import HousekeyError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Help lists them in this order.
_COMMANDS = {
    "secure": ("housekey.cli.secure", "Take a Home Assistant to https."),
    "undo": ("housekey.cli.undo", "Put it back as it was."),
    "check": ("housekey.cli.check", "Which devices accept a certificate, and if not, why."),
    "share": ("housekey.cli.share", "Hand the root to phones and laptops: page and QR code."),
    "trust": ("housekey.cli.trust", "Let this computer trust the home: system, browsers, Java."),
    "untrust": ("housekey.cli.untrust", "Take the home's root out of this computer again."),
    "renew": ("housekey.cli.renew", "Renew the certificates that are due, now."),
    "run": ("housekey.cli.run", "Stay: renew what is due, and serve the onboarding page."),
    "status": ("housekey.cli.status", "The house at a glance."),
    "explain": ("housekey.cli.explain", "What an error means, and what to do about it."),
    "cert": ("housekey.cli.cert", "Certificates for anything else in the house."),
    "pem": ("housekey.cli.pem", "Show, match, convert, request, sign: the OpenSSL chores."),
    "house": (
        "housekey.cli.house",
        "The house itself: check, back up, restore, recover, rotate.",
    ),
    "ledger": ("housekey.cli.ledger", "The record of all that was done; export it, rebuild it."),
}

_EXAMPLES = """\b
Examples:
  housekey secure                              find Home Assistant and take it to https
  housekey secure --public NAME                by a name of yours, which devices trust already
  housekey secure --dry-run                    say what that would do, and change nothing
  housekey undo                                put Home Assistant back as it was
  housekey check ha.lan:8123                   which devices accept it, and if not, why
  housekey share                               phones and laptops: a page, a QR code, who trusts
  housekey trust                               let this computer trust the home
  housekey renew                               renew what is due, now
  housekey run --install                       renew by itself, as a service of systemd
  housekey status                              what there is, and how long it is good for
  housekey explain ERR_CERT_DATE_INVALID       what an error means
  housekey cert new printer.lan 192.168.1.9    a certificate for something else
  housekey pem show certificate.pem            what is in a file
"""


@click.command(
    cls=LazyGroup,
    commands_in=_COMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EXAMPLES,
)
@click.version_option(__version__, message="housekey %(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """From http:// to an https:// that browsers and phones in the house accept.

    housekey gives a Home Assistant on its own network a certificate of a private
    CA that can only speak for this home, switches it to HTTPS, proves it from
    outside, and only then makes it permanent. No domain, no cloud, no open port.
    With a name of your own, or a CA of your own, it does the same.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    _fill_closed_streams()
    sys.exit(_exit_code(arguments))


def _fill_closed_streams() -> None:
    """Put something where standard input, output or error was closed (`housekey … >&-`).

    The next file that is opened would get its number, and what a command prints would go into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # takes the lowest number that is free
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, io.StringIO())


def _exit_code(arguments: Sequence[str]) -> int:  # noqa: PLR0911 - one for each kind of end
    try:
        code = main(args=list(arguments), prog_name="housekey", standalone_mode=False)
    except HousekeyError as error:
        return _told(arguments, error.message, error.hint, error.exit_code, error)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else _named_in(arguments)
        message = _range_in_words(error.format_message().rstrip("."))
        return _told(arguments, message, f"{command} --help shows what can be said", 2, error)
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        if isinstance(error, click.Abort) and sys.stderr.isatty():
            click.echo(err=True)  # the question's line is still open
        return _told(arguments, "interrupted", "nothing was left half done", 130, error)
    except SystemExit:
        return 141  # what click makes of a reader that went away: `housekey status | head -1`
    except OSError as error:
        message, hint = _of_the_system(error)
        return _told(arguments, message, hint, 3, error)
    except Exception as error:  # noqa: BLE001 - the last resort: a bug of ours
        return _told(arguments, *_of_ours(error), 3, error)
    return code if isinstance(code, int) else 0


def _of_ours(error: Exception) -> tuple[str, str]:
    what = f"housekey itself failed: {type(error).__name__}: {error}"
    return what, "this is a bug; -vv shows where"


def _of_the_system(error: OSError) -> tuple[str, str]:
    """Say what the system refused: of a file, or of what is printed, which has no name."""
    from housekey.house.reasons import trouble_from  # noqa: PLC0415 - rarely needed

    if isinstance(error.filename, str):
        trouble = trouble_from(Path(error.filename), error)
        return trouble.message, trouble.hint
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF):
        reason = trouble_from(Path(), error).reason
        return f"what housekey says cannot be written: {reason}", "lead it to where there is room"
    return _of_ours(error)


def _range_in_words(message: str) -> str:
    """Say `1<=x<=825` of click's as people do."""
    message = re.sub(r"\b([\d.]+)<=x<=([\d.]+)", r"from \1 to \2", message)
    return re.sub(r"\bx>=([\d.]+)", r"from \1 on", message)


def _named_in(arguments: Sequence[str]) -> str:
    """Return the command that was called: of an option without its value click does not say."""
    words: list[str] = ["housekey"]
    group: click.Group = main
    for word in arguments:
        found = group.get_command(click.Context(group), word)
        if found is None:
            break
        words.append(word)
        if not isinstance(found, click.Group):
            break
        group = found
    return " ".join(words)


def _told(
    arguments: Sequence[str], message: str, hint: str, code: int, error: BaseException
) -> int:
    from housekey.cli.output import promised, styled, visible  # noqa: PLC0415 - --version does without

    if sum(len(each) - 1 for each in arguments if re.fullmatch("-v+", each)) >= 2:
        import traceback  # noqa: PLC0415 - rarely needed

        traceback.print_exception(error)
    message, hint = (" ".join(visible(text).split()) for text in (message, hint))  # two lines
    click.echo(f"{styled('error:', fg='red', bold=True)} {message}", err=True)
    click.echo(f"{styled('hint:', bold=True)} {hint}", err=True)
    if "--json" in arguments:
        import json  # noqa: PLC0415 - rarely needed

        problem = {"message": message, "hint": hint, "exit_code": code}
        click.echo(json.dumps({**promised, "error": problem}, indent=2, ensure_ascii=False))
    return code
