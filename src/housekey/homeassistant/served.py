"""Which Home Assistants were taken to https from a house, and where each was met, by its journal.

Reads what `secure` wrote down and asks nobody. It imports little, because `housekey status` is to
be quick.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from housekey.homeassistant.recorded import HTTP_CONFIG, HTTP_YAML
from housekey.house.journal import SettingChange, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from housekey.house.journal import Transaction


@dataclass(frozen=True, slots=True)
class Served:
    """A Home Assistant that presents the house's certificate, as far as the journal knows."""

    folder: str
    host: str  # under which this computer met it
    port: int


def served(standing: Iterable[Transaction]) -> tuple[Served, ...]:
    """Return the Home Assistants of the journal's transactions that stand, oldest first, by folder.

    One whose change was cut short is not among them, unless an earlier change of it was kept.
    """
    kept = [each for each in standing if each.state is State.KEPT]
    last = {each.target["folder"]: each for each in kept}
    return tuple(
        Served(folder, last[folder].target["host"], port_after(last[folder]))
        for folder in sorted(last)
    )


def port_after(transaction: Transaction) -> int:
    """Return the port that it set; one that set none left it where Home Assistant answered."""
    for change in reversed(transaction.changes):
        if isinstance(change, SettingChange) and change.what in (HTTP_CONFIG, HTTP_YAML):
            port = change.after.get("server_port")
            if port:
                return int(port)
    return int(transaction.target["port"])
