"""What goes out: to a file, or to standard output where nobody is harmed by it.

A private key goes to standard output only when that was said with `-`. What was in a file before
and is replaced is kept beside it, as `housekey cert new --out` does.
"""

from __future__ import annotations

import sys
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from housekey.errors import UsageError
from housekey.pki.secret import Secret

if TYPE_CHECKING:
    from housekey.cli.output import Output
    from housekey.house.files import Files

STDOUT = "-"

out_option = click.option(
    "--out",
    metavar="FILE",
    help="Write it there; - is standard output.  [default: -, but for a private key]",
)


@dataclass(slots=True)
class Delivery:
    """Where the results of a command go. Ask `check` for each before anything is made."""

    output: Output
    files: Files
    document: dict[str, Any] = field(default_factory=dict)  # what --json tells of it

    def check(self, out: str | None, *, option: str = "--out", secret: bool = False) -> None:
        """Raise what would be raised later: no place, or one that cannot be written.

        `secret`: it is a private key, which goes nowhere unless that was said.
        """
        if out is None and secret:
            raise UsageError(
                "a private key is not printed unasked",
                hint=f"{option} FILE writes it for you alone; {option} - prints it",
            )
        if out is None or out == STDOUT:
            self.output.story_to_stderr = True
            return
        path = Path(out).absolute()
        self.files.snapshot(path)  # a folder of that name, or nothing that may be read
        self.files.try_out(path.parent)

    def put(self, data: bytes | Secret, out: str | None, *, what: str) -> None:
        """Write `data` to `out`; a Secret for its owner alone. `what` it is, for people."""
        content = data.reveal() if isinstance(data, Secret) else data
        if out is None or out == STDOUT:
            self._print(content, what)
            return
        path = Path(out).absolute()
        found = self.files.snapshot(path)
        kept = None
        if found is not None and found.data != content:
            kept = self.files.keep_aside(path, found)
        self.files.write(path, data, mode=0o600 if isinstance(data, Secret) else 0o644)
        self.output.row("written", f"{what}: {path}")
        if kept is not None:
            self.output.row("saved", f"what was there before is now {kept.name}")
        self.document.setdefault("written", []).append(
            {"what": what, "path": str(path), "kept": str(kept) if kept else None}
        )

    def _print(self, content: bytes, what: str) -> None:
        text = content.decode() if content.startswith(b"-----BEGIN") else None
        if self.output.as_json:
            printed = (
                {"what": what, "pem": text}
                if text is not None
                else {
                    "what": what,
                    "base64": b64encode(content).decode(),
                }
            )
            self.document.setdefault("printed", []).append(printed)
            return
        if text is None and sys.stdout.isatty():
            raise UsageError(
                f"{what} is not text, and would only disturb this terminal",
                hint="--out FILE writes it to a file",
            )
        click.echo(content, nl=False)


def refuse_the_same(outs: dict[str, str | None]) -> None:
    """Raise UsageError if two options name one place."""
    places: dict[str, str] = {}
    for option, out in outs.items():
        if out is None:
            continue
        place = out if out == STDOUT else str(Path(out).resolve())
        if place in places:
            raise UsageError(
                f"{places[place]} and {option} name the same place", hint="give each its own"
            )
        places[place] = option
