"""Every store that housekey knows, each loaded only on a system that can have it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

from housekey.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from housekey.trust.store import Machine, Store


class _Place(NamedTuple):
    systems: tuple[str, ...]
    module: str
    kind: str


# In this order they are looked at: what the system's store is given, others may take from it.
_STORES = {
    "debian": _Place(("Linux",), "debian", "DebianStore"),
    "fedora": _Place(("Linux",), "fedora", "FedoraStore"),
    "arch": _Place(("Linux",), "arch", "ArchStore"),
    "suse": _Place(("Linux",), "suse", "SuseStore"),
    "macos": _Place(("Darwin",), "macos", "MacStore"),
    "windows": _Place(("Windows",), "windows", "WindowsStore"),
    "nss-chrome": _Place(("Linux",), "nss", "NssChrome"),
    "nss-firefox": _Place(("Linux",), "nss", "NssFirefox"),
    "java": _Place(("Linux", "Darwin", "Windows"), "java", "JavaStore"),
}
NAMES = tuple(_STORES)
VARIABLES = "variables"  # for --store: the lines to set, which are no store


def stores_for(machine: Machine, *, only: Iterable[str] = ()) -> tuple[Store, ...]:
    """Return the stores that this kind of system can have, or those of them that are named.

    Raises `UsageError` for a name that is none.
    """
    named = tuple(only)
    for name in named:
        if name not in (*NAMES, VARIABLES):
            raise UsageError(
                f"there is no store {name!r}", hint=f"there are: {', '.join((*NAMES, VARIABLES))}"
            )
    return tuple(
        _loaded(place, machine)
        for name, place in _STORES.items()
        if machine.system in place.systems and (not named or name in named)
    )


def _loaded(place: _Place, machine: Machine) -> Store:
    module = importlib.import_module(f"housekey.trust.{place.module}")
    store: Store = getattr(module, place.kind)(machine)
    return store
