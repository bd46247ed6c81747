"""`housekey status --watch`: the same screen, drawn anew every few seconds."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING

import click

from housekey.cli.output import line_of
from housekey.cli.status import can_draw
from housekey.cli.status.showing import lines
from housekey.errors import HousekeyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from housekey.renewal.glance import Glance

# What terminals have in common since the VT100 (xterm's ctlseqs): another screen, whose end gives
# back what was there before, and the cursor out of the way.
_BEGIN, _END = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


def watch(look: Callable[[], Glance], *, every: float) -> None:
    """Show what `look` finds until Ctrl-C, every `every` seconds; exit code 130.

    What cannot be seen for a moment, because another housekey is at work, is told and looked at
    again.
    """
    sys.stdout.write(_BEGIN)
    try:
        while True:
            _draw(look)
            time.sleep(every)
    except KeyboardInterrupt:
        raise click.exceptions.Exit(130) from None
    finally:
        sys.stdout.write(_END)
        sys.stdout.flush()


def _draw(look: Callable[[], Glance]) -> None:
    height = shutil.get_terminal_size().lines - 1
    try:
        glance = look()
        shown = lines(glance, height=height, blocks=can_draw(sys.stdout), stream=sys.stdout)
        shown.append(line_of("", f"{glance.now.astimezone():%H:%M:%S}; Ctrl-C ends it"))
    except HousekeyError as error:
        shown = [f"error: {error.message}", f"hint: {error.hint}"]
    text = "\n".join(shown).splitlines()[: height + 1]
    screen = "".join(f"{line}{_REST_OF_LINE}\r\n" for line in text).removesuffix("\r\n")
    sys.stdout.write(f"{_HOME}{screen}{_REST_OF_SCREEN}")
    sys.stdout.flush()
