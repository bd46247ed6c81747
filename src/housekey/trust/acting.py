"""As whom a command runs when an administrator works on what belongs to a user."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path, PurePath

    from housekey.house.files import Owner
    from housekey.trust.store import Machine


def owner_to_act_as(machine: Machine, path: Path) -> Owner | None:
    """Return whom to run commands as on what lies at `path`: for root its owner, else nobody else.

    What root writes becomes root's, and the user's own programs cannot write it any more; and a
    link or a program that the user put there could lead root anywhere.
    """
    if machine.system == "Windows" or not machine.administrator:
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    if status.st_uid == 0:
        return None
    from housekey.house.files import Owner  # noqa: PLC0415 - it cannot be loaded on Windows

    return Owner(status.st_uid, status.st_gid)


def as_owner(owner: Owner | None, command: Sequence[str | PurePath]) -> list[str | PurePath]:
    """Return the command that runs `command` as `owner`; None is ourselves."""
    if owner is None:
        return list(command)
    # Of util-linux, and so on every Linux; by number, for a home may have an owner without a name.
    who = ("setpriv", "--reuid", str(owner.uid), "--regid", str(owner.gid), "--clear-groups")
    return [*who, "--", *command]
