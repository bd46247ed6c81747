"""What a repair does: close keys, take an ignored block out, write missing files again.

`async_mend` is what the flows call. The others are for an executor and raise `HousekeyError`; what
they change outside the house is in its journal first, so that `undo` and removal know of it.
"""

from __future__ import annotations

import stat
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from housekey.errors import HousekeyError
from housekey.homeassistant.recorded import LABEL as HOME_ASSISTANT
from housekey.house.journal import State, before_of
from housekey.house.reasons import told

from . import http_yaml
from .house_access import REPAIR, HouseAccess
from .http_store import pair_of
from .model import ProblemKind
from .telling import error_of
from .troubles import NotNow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from homeassistant.core import HomeAssistant

    from housekey.homeassistant.plan import Pair
    from housekey.house.journal import Transaction
    from housekey.house.leaves import Leaf

    from .coordinator import HousekeyCoordinator
    from .http_store import ServerFacts

_OTHERS = 0o077  # the bits of a mode that are for anybody but the owner


async def async_mend(coordinator: HousekeyCoordinator, kind: ProblemKind) -> bool:
    """Mend one problem; return whether Home Assistant restarts for it.

    Raises HomeAssistantError.
    """
    match kind:
        case ProblemKind.EXPIRING | ProblemKind.NOT_COVERED:
            await coordinator.async_renew(force=True)
            return False
        case ProblemKind.NOT_PROMOTED:
            await coordinator.switch.async_begin()
            return True
    server = coordinator.server
    pairs = () if server is None else pairs_of(server)
    work = {
        ProblemKind.KEY_OPEN: close_keys,
        ProblemKind.STALE_YAML: remove_stale_yaml,
        ProblemKind.FILES_MISSING: write_again,
    }[kind]
    async with coordinator.work:
        await _async_do(coordinator.hass, partial(work, coordinator.access, pairs))
    return False


async def async_close_house(hass: HomeAssistant) -> None:
    """Close a house that cannot be opened because it is open to others.

    Raises HomeAssistantError.
    """
    await _async_do(hass, partial(close_keys, HouseAccess(Path(hass.config.config_dir)), ()))


async def _async_do(hass: HomeAssistant, work: Callable[[], None]) -> None:
    try:
        await hass.async_add_executor_job(work)
    except HousekeyError as trouble:
        raise error_of(trouble) from trouble


def pairs_of(server: ServerFacts) -> tuple[Pair, ...]:
    """Return the pairs that Home Assistant has loaded, and will load at its next start."""
    found = (server.pair, pair_of(server.stable) if server.trials else None)
    return tuple(dict.fromkeys(pair for pair in found if pair is not None))


def open_in_house(access: HouseAccess) -> Iterator[Path]:
    """Yield what others than its owner may read in the house: it must be closed wholly."""
    for path in (access.folder, *sorted(access.folder.rglob("*"))):
        with told(path):
            mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode) and mode & _OTHERS:
            yield path


def first_open(access: HouseAccess) -> str:
    """Return one of those files, as a problem tells it; empty if there is none."""
    try:
        return next(map(str, open_in_house(access)), "")
    except HousekeyError:
        return ""


def close_keys(access: HouseAccess, pairs: Sequence[Pair]) -> None:
    """Make the house, and keys of ours that Home Assistant reads, readable for their owner alone.

    No key that the user brought is touched: another program may need it.
    """
    # Whoever opens the house looks at the modes first, so this goes before all else.
    for path in list(open_in_house(access)):
        access.files.set_mode(path, 0o700 if path.is_dir() else 0o600)
    leaf = access.leaf(HOME_ASSISTANT)
    for pair in pairs:
        if leaf is not None and access.holds(pair.key, leaf.key_pem) and access.is_open(pair.key):
            access.files.set_mode(pair.key, 0o600)


def remove_stale_yaml(access: HouseAccess, _pairs: Sequence[Pair]) -> None:
    """Take every `http:` out of YAML; each file as it was before is kept in the journal."""
    with access.held():
        edits = http_yaml.plan_removal(access)
        if not edits:
            return
        transaction = _begin(access)
        for edit in edits:
            with transaction.step("stale yaml", transaction.writing(edit.path, edit.after)):
                access.files.write(edit.path, edit.after)
        transaction.close(State.KEPT)


def write_again(access: HouseAccess, pairs: Sequence[Pair]) -> None:
    """Write the files of a pair that are gone, from the house's own copy.

    Only where the journal says that they were ours, and never a certificate beside a key that it
    does not belong to: Home Assistant would start in recovery mode.
    """
    with access.held() as house:
        leaf = house.leaf(HOME_ASSISTANT)
        ours = written_by_us(access)
        for pair in pairs:
            if pair.certificate.is_file() and pair.key.is_file():
                continue
            if leaf is None or not {pair.certificate, pair.key} <= ours:
                raise NotNow(
                    "not_ours",
                    f"{pair.certificate} and {pair.key} were not written by housekey",
                    hint="put them back from a backup",
                    files=f"{pair.certificate}, {pair.key}",
                )
            if pair.key.is_file() and not access.holds(pair.key, leaf.key_pem):
                raise NotNow(
                    "other_key",
                    f"{pair.key} is not the key of the house's certificate",
                    hint="move it away, and try again",
                    file=str(pair.key),
                )
            _write_pair(access, pair, leaf)


def _write_pair(access: HouseAccess, pair: Pair, leaf: Leaf) -> None:
    transaction = _begin(access)
    wanted = (
        # The key first: a certificate must find its key there.
        ("key", pair.key, leaf.key_pem.reveal(), 0o600),
        ("certificate", pair.certificate, leaf.chain_pem, 0o644),
    )
    for name, path, data, mode in wanted:
        if not access.holds(path, data):
            with transaction.step(name, transaction.writing(path, data)):
                access.files.write(path, data, mode=mode)
    transaction.close(State.KEPT)


def written_by_us(access: HouseAccess) -> set[Path]:
    """Return the files that the journal says are ours; in an executor."""
    standing = [each for each in access.mine() if each.state in (State.OPEN, State.KEPT)]
    return {file.path for file in before_of(standing).files}


def _begin(access: HouseAccess) -> Transaction:
    return access.journal().begin({"folder": str(access.config), "way": REPAIR})
