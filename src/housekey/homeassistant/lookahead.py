"""What would fail later, found out now, while a failure still costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.errors import ClockWrong, NotReady, UsageError
from housekey.homeassistant import yaml_tree
from housekey.homeassistant.client import sendable
from housekey.homeassistant.recorded import HTTP_CONFIG, LABEL
from housekey.homeassistant.switch import settings_of
from housekey.house.journal import State, before_of
from housekey.live.handshake import listens

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from housekey.homeassistant.look import View
    from housekey.homeassistant.plan import Pair, Plan
    from housekey.homeassistant.site import World
    from housekey.house.house import House
    from housekey.house.journal import Transaction


def must_not_be_anothers_trial(view: View, standing: Sequence[Transaction]) -> None:
    """Raise NotReady while Home Assistant tries settings that are not ours.

    `standing` are the changes that housekey made here and that still stand.
    """
    http = view.http
    if http is None or http.pending is None or http.pending_error is not None:
        return
    open_ones = [each for each in standing if each.state is State.OPEN]
    ours = before_of(open_ones).setting(HTTP_CONFIG)
    if ours is not None and sendable(http.pending) in ours.ours:
        return
    until = f" until {http.revert_at:%H:%M} UTC" if http.revert_at is not None else ""
    hint = "confirm them in Settings > System > Network, or wait until it has gone back"
    if standing:
        hint += "; if it was a housekey undo that was cut short, housekey undo finishes it"
    raise NotReady(f"Home Assistant is trying other network settings{until}", hint=hint)


async def must_be_possible(
    view: View, house: House | None, drawn: Plan, world: World, *, only_look: bool
) -> None:
    """Find out now what would fail later, while a failure still costs nothing.

    `only_look`: nothing at all may change, so a folder is looked at, not written into.
    """
    site, files = view.site, world.files
    if house is not None:
        if drawn.issue:
            house.must_be_able_to_issue()
        else:
            leaf_must_have_begun(house, now=world.clock())
        if not drawn.empty:
            (files.must_take_files if only_look else files.try_out)(house.folder)
    if drawn.write or drawn.edit_yaml:
        _refuse_impossible_paths(drawn.pair)
        settings = settings_of(drawn, site.paths)
        if drawn.edit_yaml:
            yaml_tree.plan_http_edit(site.folder, files.read, settings)
    moves = drawn.port != site.door.port and drawn.touches_server
    if moves and await listens(site.door.host, drawn.port):
        raise NotReady(
            f"port {drawn.port} is taken by another program",
            hint="choose another one with --port",
        )
    if drawn.write:
        for folder in {drawn.pair.certificate.parent, drawn.pair.key.parent}:
            if only_look:
                files.must_take_files(folder)
            else:
                files.try_out(folder, owner=site.owner)


def leaf_must_have_begun(house: House, *, now: datetime) -> None:
    """Raise ClockWrong for a leaf that begins later than now: no handshake could be proven.

    The way back could not either: it restarts a Home Assistant that presents that very leaf.
    """
    leaf = house.leaf(LABEL)
    if leaf is not None and now < (begins := leaf.certificate.not_valid_before_utc):
        raise ClockWrong(
            f"this machine's clock says {now:%Y-%m-%d %H:%M} UTC, and the certificate in the house"
            f" begins on {begins:%Y-%m-%d}",
            hint="set the clock right, then try again; if it is: housekey renew home-assistant"
            " --all",
        )


def _refuse_impossible_paths(pair: Pair) -> None:
    """Raise `UsageError` for paths that cannot be meant."""
    if pair.certificate == pair.key:
        raise UsageError(
            f"{pair.key} cannot hold both the certificate and the key",
            hint="give them two different files, with --cert-path and --key-path",
        )
    for path in (pair.certificate, pair.key):
        if path.is_dir():
            raise UsageError(
                f"{path} is a folder", hint=f"name a file, such as {path}/{path.name}.pem"
            )
