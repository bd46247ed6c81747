"""The way back: from what housekey made of a Home Assistant to what it was before.

Used when a switch fails, when it was interrupted, and by `housekey undo`. It
works from the journal's fold (what was there before, what housekey put there)
and from what is there now; what somebody else has changed since is left alone
and told.

The order keeps Home Assistant startable at every instant: it stops referring
to files before they go. There is one exception, on purpose: a trial that
cannot be called off because Home Assistant does not answer. Its files are taken
away, and Home Assistant, started again, finds the trial impossible and runs its
stable configuration at once (`apply_failed`, measured on 2026.11).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from housekey.errors import HomeAssistantTrouble, HousekeyError, NotReady, SwitchFailed
from housekey.homeassistant.client import sendable
from housekey.homeassistant.examine import is_emergency
from housekey.homeassistant.files_back import FilesBack
from housekey.homeassistant.plan import Road
from housekey.homeassistant.recorded import (
    EXTERNAL_URL,
    HTTP_CONFIG,
    HTTP_YAML,
    INTERNAL_URL,
    PROMOTING,
    RESTART,
    owned,
)
from housekey.homeassistant.site import Door
from housekey.house.journal import before_of
from housekey.live.handshake import Speech, speaks
from housekey.live.presented import presented_by
from housekey.pki.encoding import certificate_from_pem, certificate_to_pem
from housekey.pki.hosts import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from housekey.homeassistant.client import Client
    from housekey.homeassistant.site import Site, World
    from housekey.house.journal import Before, Transaction


@dataclass(slots=True)
class PutBack:
    """One way back."""

    site: Site
    world: World
    old_door: Door  # where Home Assistant answered before the first change
    before: Before
    restarted: bool  # a restart may have happened since the first change
    promoted: bool  # its stable configuration may name our files
    restart_command: str | None = None
    warnings: list[str] = field(default_factory=list)
    files: FilesBack = field(init=False)
    _urls: dict[str, str | None] = field(default_factory=dict)  # as they were found

    def __post_init__(self) -> None:
        self.files = FilesBack(self.site.folder, self.before, self.world, self.warnings.append)

    async def run(self, *, must_answer: bool, patient: bool = False) -> None:
        """Bring the old state back and see it answer.

        With `must_answer` (undo) nothing is changed when Home Assistant does not
        answer; without it (a switch that failed) the files go back all the same.
        With `patient` (a switch that was interrupted) a Home Assistant that is just
        restarting is waited for.
        Raises `SwitchFailed` when the old state could not be seen to answer.
        """
        door = await self._door(seconds=0)
        if door is None and must_answer and self.site.token is not None:
            raise await self._no_answer()
        try:
            if self.site.road is Road.YAML:
                self.files.put(created=False)
            if door is None and patient and self.restarted:
                self.world.busy("waiting for Home Assistant to come back")
                door = await self._door(seconds=self.world.wait)
            if door is not None:
                await self._put_urls_back(door)
            if self._needs_files_first:
                self.files.put()
        except HousekeyError:
            if must_answer:  # what runs has noticed nothing yet, and nothing was changed
                self.files.take_back()
                await self._give_urls_again(door)
            raise
        if self.site.road is Road.TRIAL:
            await self._back_from_trial(door)
        else:
            await self._back_on_yaml(door)

    async def _no_answer(self) -> HomeAssistantTrouble:
        """Tell a Home Assistant that is down from one whose certificate is not accepted here."""
        if await speaks(self.site.door.host, self.site.door.port) is Speech.NOTHING:
            return HomeAssistantTrouble(
                "Home Assistant does not answer, so nothing was changed",
                hint="start it, then run the same command again",
            )
        return HomeAssistantTrouble(
            f"what answers at {self.site.door.url} is not accepted as this Home Assistant, so"
            " nothing was changed",
            hint="is this machine's clock right? It says"
            f" {self.world.clock():%Y-%m-%d %H:%M} UTC; housekey check tells more",
        )

    async def _door(self, *, seconds: float) -> Door | None:
        """Return where Home Assistant answers; None when it does not within `seconds`."""
        door: Door | None = None
        if self.site.token is None:
            return None  # nobody can sign in there

        async def found() -> bool:
            nonlocal door
            door = await self.site.answering(self._doors()) or await self._emergency_door()
            return door is not None

        await self.world.until(found, seconds=seconds)
        return door

    # 2026.8 and later.

    async def _back_from_trial(self, door: Door | None) -> None:
        if door is None and self.promoted:
            raise SwitchFailed(
                "Home Assistant stopped answering while HTTPS was made permanent, so its"
                " certificate stays where it is",
                hint="start it; then housekey secure finishes, and housekey undo goes back",
            )
        if door is None:
            self.files.put()
            raise SwitchFailed(
                "Home Assistant does not answer; its files are as they were before",
                hint="start it: it comes up with its settings from before",
            )
        try:
            await self._take_config_back(door)
        except HousekeyError:
            if not self.promoted:
                self.files.put()
            raise  # else its stable configuration may still need the files
        if not self._needs_files_first:
            self.files.tidy()
        elif await self._restart_is_due():
            await self._restart(door)
            await self._must_answer()

    @property
    def _needs_files_first(self) -> bool:
        """Whether only a certificate was replaced in place: the old one is served from there."""
        return self.site.road is Road.TRIAL and self.before.setting(HTTP_CONFIG) is None

    async def _take_config_back(self, door: Door) -> None:
        setting = self.before.setting(HTTP_CONFIG)
        if setting is None:
            return
        async with self.site.client(door) as client:
            http = await client.http_config()
            if http is None:
                return
            stable = sendable(http.stable)
            promoted = self._is_ours(stable)
            if promoted:
                rest = {key: value for key, value in stable.items() if key not in owned(stable)}
                old = {key: was for key, was in owned(setting.before).items() if was is not None}
                await self._configure(client, {**rest, **old})
            elif http.pending is not None and sendable(http.pending) in setting.ours:
                # Armed, failed or given up: None clears it, and restarts into stable.
                await self._configure(client, None)
            elif owned(stable) != owned(setting.before):
                self.warnings.append(
                    "Home Assistant's network settings were changed by somebody else since;"
                    " they stay as they are"
                )
                return
        self.world.hook("settings are back")
        await self._must_answer()
        if promoted:
            async with self.site.client(self.old_door) as client:
                await client.promote()
            self.world.hook("settings are permanent")

    def _is_ours(self, config: Mapping[str, object]) -> bool:
        """Whether a configuration is one that housekey made."""
        setting = self.before.setting(HTTP_CONFIG)
        return setting is not None and any(owned(config) == owned(ours) for ours in setting.ours)

    async def _configure(self, client: Client, config: Mapping[str, object] | None) -> None:
        """Home Assistant takes no configuration before it has finished starting."""
        restarts = False

        async def taken() -> bool:
            nonlocal restarts
            try:
                restarts = await client.configure(config)
            except NotReady:
                return False
            return True

        self.world.busy("waiting until Home Assistant takes its settings from before")
        if not await self.world.until(taken, seconds=self.world.wait):
            raise SwitchFailed(
                "Home Assistant has not finished starting, and takes no settings before that",
                hint="wait until it has, then run housekey undo",
            )
        if restarts:
            await self._until_stopped(client)

    # 2026.7 and earlier.

    async def _back_on_yaml(self, door: Door | None) -> None:
        try:
            if await self._restart_is_due():
                await self._restart(door)
                await self._must_answer()
        finally:
            # Last: a server that still presents a certificate is known by the file.
            self.files.tidy(created=True)

    async def _restart_is_due(self) -> bool:
        """Whether what runs may have begun with what housekey had put there.

        Without housekey's doing too: the power may have gone between two steps.
        """
        if self.restarted and self.site.token is not None:
            return True
        # Without a token somebody was asked to restart it, and may have done so by now.
        return not await self._answers_as_before()

    async def _restart(self, door: Door | None) -> None:
        self.world.busy("restarting Home Assistant with its settings from before")
        if self.restart_command is not None:
            await self.world.run(self.restart_command)
            return
        if door is None or self.site.token is None:
            raise SwitchFailed(
                "Home Assistant's files are as they were before, but it could not be restarted",
                hint="restart it yourself: it comes up with its settings from before",
            )
        async with self.site.client(door) as client:
            # One that has not got far enough ignores it (core.py, async_stop).
            await self.world.until(lambda: _runs(client), seconds=self.world.wait)
            await client.restart()
            await self._until_stopped(client)
        self.world.hook("restarted as before")

    async def _until_stopped(self, client: Client) -> None:
        """Wait until the server that was told to restart has gone.

        It answers until it stops, which takes a while in a big home, and must not be
        taken for the one that comes after it. One that does not stop at all (it may
        refuse to) is left to `_must_answer`.
        """

        async def stopped() -> bool:
            return not await _runs(client)

        await self.world.until(stopped, seconds=self.world.wait)

    async def _emergency_door(self) -> Door | None:
        """Find the recovery mode's way in, on this machine only.

        In recovery mode Home Assistant presents a certificate that it has just
        made up (O = "Home Assistant Emergency Certificate"); nothing vouches for
        it, so the token goes to it only when it cannot leave this machine.
        """
        for door in self._doors():
            here = door if is_loopback(door.host) else replace(door, host="127.0.0.1")
            found = await presented_by(here.host, here.port)
            if found is not None and is_emergency(found):
                return replace(here, scheme="https", leaf=found)
        return None

    # Both.

    async def _put_urls_back(self, door: Door) -> None:
        for what in (INTERNAL_URL, EXTERNAL_URL):
            setting = self.before.setting(what)
            if setting is None or self.site.token is None:
                continue
            async with self.site.client(door) as client:
                now = getattr(await client.get_config(), what)
                if now in setting.ours:
                    await client.update_urls(**{what: setting.before})
                    self._urls[what] = now
                    self.world.hook("url is back")
                elif now != setting.before:
                    told = what.replace("_url", " URL")
                    self.warnings.append(f"the {told} is {now} since; it stays")

    async def _give_urls_again(self, door: Door | None) -> None:
        """Undo `_put_urls_back`: it is not the way back after all."""
        if not self._urls or door is None:
            return
        with contextlib.suppress(HousekeyError):  # the next undo puts it back
            async with self.site.client(door) as client:
                await client.update_urls(**self._urls)

    async def _must_answer(self) -> None:
        self.world.busy("waiting for Home Assistant to answer as before")
        there = await self.world.until(self._answers_as_before, seconds=self.world.wait)
        self.world.busy("")
        if not there:
            raise SwitchFailed(
                f"everything was put back, but Home Assistant does not answer at"
                f" {self.old_door.url} within {self.world.wait:.0f} seconds",
                hint="look into home-assistant.log; restart it if need be",
            )

    async def _answers_as_before(self) -> bool:
        door = self.old_door
        if door.leaf is not None and await presented_by(door.host, door.port) != door.leaf:
            return False
        if self.site.token is None:
            wanted = Speech.TLS if door.scheme == "https" else Speech.PLAIN
            return await speaks(door.host, door.port) is wanted
        try:
            async with self.site.client(door) as client:
                if (await client.get_config()).recovery_mode:
                    return False
                http = await client.http_config()
        except HomeAssistantTrouble:
            return False
        if http is None:
            return True
        return not self._is_ours((http.pending if http.active == "pending" else http.stable) or {})

    def _doors(self) -> tuple[Door, ...]:
        """Everywhere that Home Assistant may answer now: as housekey made it, or as before."""
        new = _doors(self.before, (self.site.door, self.old_door))
        return (*new, self.old_door) if self.restarted else (self.old_door, *new)


def put_back_of(
    transactions: Sequence[Transaction],
    *,
    site: Site,
    world: World,
    restart_command: str | None = None,
) -> PutBack:
    """Prepare the way back over `transactions`, oldest first, all of one Home Assistant."""
    first = transactions[0].target
    return PutBack(
        site=site,
        world=world,
        old_door=_door_of(first),
        before=before_of(transactions),
        restarted=any(RESTART in transaction.marks for transaction in transactions),
        promoted=any(PROMOTING in transaction.marks for transaction in transactions),
        restart_command=restart_command,
    )


def doors_of(transaction: Transaction) -> tuple[Door, ...]:
    """Return where Home Assistant may answer after a transaction that was cut short."""
    old = _door_of(transaction.target)
    return (*_doors(before_of([transaction]), (old,)), old)


def _doors(before: Before, known: tuple[Door, ...]) -> tuple[Door, ...]:
    ports = dict.fromkeys(door.port for door in known)
    for what in (HTTP_CONFIG, HTTP_YAML):
        setting = before.setting(what)
        for ours in setting.ours if setting is not None else ():
            if ours.get("server_port"):
                ports[ours["server_port"]] = None
    return tuple(Door("https", known[0].host, port) for port in ports)


def target_of(site: Site) -> dict[str, str]:
    """Write down, for the journal, which Home Assistant it is and how it answers now."""
    door = site.door
    target = {"folder": str(site.folder), "scheme": door.scheme, "host": door.host}
    target["port"] = str(door.port)
    if door.leaf is not None:
        target["leaf"] = certificate_to_pem(door.leaf).decode()
    return target


def _door_of(target: Mapping[str, str]) -> Door:
    leaf = target.get("leaf")
    return Door(
        "https" if target["scheme"] == "https" else "http",
        target["host"],
        int(target["port"]),
        certificate_from_pem(leaf.encode()) if leaf else None,
    )


async def _runs(client: Client) -> bool:
    try:
        return (await client.get_config()).state == "RUNNING"
    except HomeAssistantTrouble:
        return False
