"""This machine as a trust store sees it, with a home of the test's own and real programs."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from housekey.house.files import Files
from housekey.trust.store import Machine, Ran

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path, PurePath


def run(
    command: Sequence[str | PurePath],
    *,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    seconds: float = 60.0,
) -> Ran:
    """Run it as a store's runner does, in a session of its own: nothing can ask on a terminal."""
    try:
        ended = subprocess.run(
            [os.fspath(part) for part in command],
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", **(env or {})},
            input=stdin,
            capture_output=True,
            timeout=seconds,
            check=False,
            start_new_session=True,
        )
    except FileNotFoundError:
        return Ran(127, "", f"{command[0]}: there is no such program")
    return Ran(
        ended.returncode,
        ended.stdout.decode(errors="replace"),
        ended.stderr.decode(errors="replace"),
    )


def machine(
    home: Path,
    *,
    environ: Mapping[str, str] | None = None,
    which: Callable[[str], str | None] = shutil.which,
    slash: Path | None = None,
    administrator: bool | None = None,
) -> Machine:
    """Return a Linux machine whose user lives in `home`."""
    given = {} if slash is None else {"slash": slash}
    return Machine(
        system="Linux",
        files=Files(),
        run=run,
        which=which,
        home=home,
        environ=environ or {},
        administrator=os.geteuid() == 0 if administrator is None else administrator,
        **given,
    )
