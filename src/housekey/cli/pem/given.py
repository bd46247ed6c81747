"""What comes in: files of anybody, and passphrases."""

from __future__ import annotations

import stat
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from housekey.errors import FileTrouble, HousekeyError, PemLocked, PemUnreadable, UsageError
from housekey.house.reasons import told
from housekey.pki.reading import MOST_BYTES, read
from housekey.pki.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from housekey.cli.output import Output
    from housekey.house.files import Files
    from housekey.pki.contents import Contents

T = TypeVar("T")
STDIN = "-"
# What `<(command)` of a shell becomes; such a pipe has somebody at its other end.
_PIPES = ("/dev/fd/", "/proc/self/fd/", "/dev/stdin")
_MOST_OF_A_PASSPHRASE = 1023  # bytes: OpenSSL's limit, and so that of the cryptography package

passphrase_option = click.option(
    "--passphrase-file",
    metavar="FILE",
    help="The passphrase of what is locked, in the first line.  [default: asked for]",
)


def new_passphrase_option(*, default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option for the passphrase to lock with; `default` is what happens without it."""
    return click.option(
        "--new-passphrase-file",
        metavar="FILE",
        help=f"The passphrase to lock with, in the first line.  [default: {default}]",
    )


@dataclass(slots=True)
class Given:
    """Reads the files that a command was given; asks for the passphrase once, if one is needed."""

    output: Output
    files: Files
    passphrase_file: str | None = None
    _passphrase: Secret | None = field(default=None, repr=False)
    _stdin_is_read: bool = False

    def read(self, name: str) -> Contents:
        """All that is in a file, which may be locked in part. Raises PemUnreadable, FileTrouble."""
        data = self._bytes(name, MOST_BYTES + 1)
        if self.passphrase_file is not None and self._passphrase is None:
            self._passphrase = self.first_line(self.passphrase_file)
        try:
            found = read(data, self._passphrase)
            locked = any(each.locked for each in found.unread)
        except PemLocked:
            locked = True
        except PemUnreadable as error:
            raise about(name, error) from error
        if locked and self._passphrase is None:
            self._passphrase = self.output.ask_secret(f"Passphrase of {shown(name)}")
        try:
            return read(data, self._passphrase) if locked else found
        except PemLocked as error:
            raise PemLocked(
                f"{shown(name)}: {error.message}", hint="--passphrase-file FILE opens it"
            ) from error
        except PemUnreadable as error:
            raise about(name, error) from error

    def whole(self, name: str) -> Contents:
        """All that is in a file, if every part of it can be read."""
        contents = self.read(name)
        for item in contents.unread:
            if item.locked:
                raise PemLocked(
                    f"{shown(name)}: {item.reason}", hint="--passphrase-file FILE opens it"
                )
        try:
            return contents.whole()
        except PemUnreadable as error:
            raise about(name, error) from error

    def pick(self, name: str, choose: Callable[[Contents], T]) -> T:
        """What `choose` takes from a file every part of which can be read."""
        contents = self.whole(name)
        try:
            return choose(contents)
        except HousekeyError as error:
            raise about(name, error) from error

    def new_passphrase(self, file: str | None, *, what: str) -> Secret:
        """The passphrase to lock `what` with."""
        if file is not None:
            return self.first_line(file)
        found = self.output.ask_secret(f"New passphrase for {what}", again=True)
        if found is None:
            raise UsageError(
                f"there is no passphrase to lock {what} with",
                hint="--new-passphrase-file FILE gives it, or a terminal to ask on",
            )
        return _checked(found.reveal(), "the passphrase")

    def first_line(self, name: str, *, what: str = "passphrase") -> Secret:
        """The passphrase in a file: its first line, as `file:` in OpenSSL. Raises UsageError.

        `what` is in it, for people.
        """
        try:
            data = self._bytes(name, 64 * 1024)
        except FileTrouble as error:
            raise UsageError(
                f"{shown(name)}: {error.reason}", hint=f"the file must hold the {what}"
            ) from error
        line = data.partition(b"\n")[0].removesuffix(b"\r")
        self._warn_if_open(name)
        return _checked(line, shown(name), what)

    def _bytes(self, name: str, most: int) -> bytes:
        if name == STDIN:
            if self._stdin_is_read:
                raise UsageError(
                    "standard input can only be read once", hint="name a file for one of them"
                )
            self._stdin_is_read = True
            return sys.stdin.buffer.read(most)
        if name.startswith(_PIPES):
            with told(Path(name)), Path(name).open("rb") as pipe:
                return pipe.read(most)
        with told(Path(name)):
            is_folder = Path(name).is_dir()
        if is_folder:
            raise FileTrouble(
                Path(name), "it is a folder, where a file is meant", hint="name a file in it"
            )
        return self.files.read(Path(name), most_bytes=most)

    def _warn_if_open(self, name: str) -> None:
        if name == STDIN or name.startswith(_PIPES):
            return
        status = Path(name).stat()
        if stat.S_ISREG(status.st_mode) and status.st_mode & 0o077:
            self.output.row(
                "heads up", f"others on this computer can read {name}: chmod 600 {name}"
            )


def shown(name: str) -> str:
    """A file as people are told of it."""
    return "standard input" if name == STDIN else name


def about(name: str, error: HousekeyError) -> PemUnreadable:
    """The same error, with the file that it is about: what is in a file is no wrong usage."""
    return PemUnreadable(f"{shown(name)}: {error.message}", hint=error.hint)


def moment(text: str) -> datetime:
    """A date or a time in ISO 8601; UTC unless it says otherwise. Raises UsageError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is not a time", hint="write it like 2027-01-31 or 2027-01-31T12:00Z"
        ) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _checked(passphrase: bytes, where: str, what: str = "passphrase") -> Secret:
    if not passphrase:
        raise UsageError(f"{where} is empty", hint=f"the {what} must be in its first line")
    if len(passphrase) > _MOST_OF_A_PASSPHRASE:
        raise UsageError(
            f"{where} holds a first line that is too long for a {what}",
            hint=f"OpenSSL takes at most {_MOST_OF_A_PASSPHRASE} bytes",
        )
    return Secret(passphrase)
