"""Installing the units, and taking them away: exactly what was written, and nothing of others."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from housekey.errors import ServicePutBack, ServiceTrouble
from housekey.renewal.units import ALL, is_ours

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from housekey.house.files import Files
    from housekey.renewal.units import Unit

    # Runs a command; its exit code, and what it said.
    Runner = Callable[[Sequence[str]], "Ran"]

_MODE = 0o644


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended."""

    code: int
    said: str


@dataclass(frozen=True, slots=True)
class Systemd:
    """One manager of systemd: of the system, or of this user."""

    folder: Path  # of its administrator's units
    options: tuple[str, ...]  # of systemctl
    run: Runner
    files: Files

    def command(self, *words: str) -> tuple[str, ...]:
        return ("systemctl", *self.options, *words)

    def present(self) -> dict[str, bytes]:
        """Return which of our units are there, with their texts."""
        found = {name: self.files.snapshot(self.folder / name) for name in ALL}
        return {name: each.data for name, each in found.items() if each is not None}


def run_command(words: Sequence[str]) -> Ran:
    """Run a command of the system's."""
    try:
        ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Ran(127, str(error))
    return Ran(ended.returncode, (ended.stderr or ended.stdout).strip())


def must_be_ours(systemd: Systemd) -> None:
    """Raise ServiceTrouble for a unit that somebody else wrote, or has changed since."""
    for name, data in systemd.present().items():
        if not is_ours(data.decode(errors="replace")):
            raise ServiceTrouble(
                f"{systemd.folder / name} was not written by housekey, or was changed since",
                hint="move it away, then run the same command again; a change of your own belongs"
                f" into systemctl edit {name}",
            )


def must_be_installable(systemd: Systemd, units: Sequence[Unit]) -> None:
    """Raise ServiceTrouble where something stands against it, with nothing changed."""
    must_be_ours(systemd)
    others = systemd.present().keys() - {unit.name for unit in units}
    if others:
        raise ServiceTrouble(
            f"{' and '.join(sorted(others))} is installed already, and does the same",
            hint="housekey run --uninstall takes it away first",
        )
    manager = systemd.run(systemd.command("show-environment"))
    if manager.code != 0:
        raise ServiceTrouble(
            f"this machine's systemd does not answer: {manager.said or 'no reason was given'}",
            hint="where there is no systemd, let something else start housekey run at boot",
        )


def install(systemd: Systemd, units: Sequence[Unit]) -> None:
    """Write `units`, and enable and start the last of them.

    Raises ServicePutBack when one could not be started; what was there before is there again.
    """
    before = {unit.name: systemd.files.snapshot(systemd.folder / unit.name) for unit in units}
    last = units[-1].name
    try:
        systemd.files.make_folder(systemd.folder, 0o755)
        for unit in units:
            systemd.files.write(systemd.folder / unit.name, unit.text.encode(), mode=_MODE)
        for words in install_commands(systemd, units):
            ended = systemd.run(words)
            if ended.code != 0:
                _put_back_and_raise(ended, words, last)
    except BaseException:
        systemd.run(systemd.command("disable", "--now", last))
        for name, snapshot in before.items():
            systemd.files.restore(systemd.folder / name, snapshot)
        systemd.run(systemd.command("daemon-reload"))
        if before[last] is not None:  # an older one ran: it is not to stay off
            for words in install_commands(systemd, units)[1:]:
                systemd.run(words)
        raise


def _put_back_and_raise(ended: Ran, words: Sequence[str], unit: str) -> None:
    raise ServicePutBack(
        f"{' '.join(words)} ended with exit code {ended.code}: {ended.said or 'without a word'};"
        " the units were taken away again",
        hint=f"journalctl -u {unit} may tell more",
    )


def install_commands(systemd: Systemd, units: Sequence[Unit]) -> tuple[tuple[str, ...], ...]:
    """Return what is run after the files are there."""
    last = units[-1].name
    return (
        systemd.command("daemon-reload"),
        systemd.command("enable", last),
        # Also where an older one runs: it is to be this one.
        systemd.command("restart", last),
    )


def remove(systemd: Systemd) -> tuple[Path, ...]:
    """Stop and remove what was installed; return the files. Raises ServiceTrouble.

    A unit that cannot be stopped stays: without its file nobody could stop it any more.
    """
    must_be_ours(systemd)
    present = systemd.present()
    for words in remove_commands(systemd, present):
        ended = systemd.run(words)
        if ended.code != 0:
            raise ServiceTrouble(
                f"{' '.join(words)} ended with exit code {ended.code}:"
                f" {ended.said or 'without a word'}",
                hint="nothing was removed; try it by hand",
            )
    removed = [systemd.folder / name for name in present]
    for path in removed:
        systemd.files.remove(path)
    if removed:
        systemd.run(systemd.command("daemon-reload"))
    return tuple(removed)


def remove_commands(
    systemd: Systemd, present: Sequence[str] | dict[str, bytes]
) -> tuple[tuple[str, ...], ...]:
    """Return what is run before the files go. The timer first: it would start its service."""
    names = sorted(present, key=lambda name: not name.endswith(".timer"))
    return tuple(systemd.command("disable", "--now", name) for name in names)
