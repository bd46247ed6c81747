"""`housekey run`: stays, renews, serves the onboarding page; installed as a service or a timer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from housekey.cli.home import home_options, running, world_of
from housekey.cli.log import Log, LoggedOutput, to_journal
from housekey.cli.output import (
    Output,
    common_options,
    house_folder,
    now,
    open_house,
    yes_option,
)
from housekey.cli.page_options import page_options
from housekey.cli.renewing import home_to_renew, quiet_hours, quiet_option
from housekey.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from housekey.cli.run.service import Page, Service
    from housekey.house.house import House
    from housekey.onboarding.children import Serving
    from housekey.renewal.round import Item

# A name that comes and goes is no reason to renew more often than that.
NAMES_REST = timedelta(hours=6)
_MARKED = ("root.pem", "issuing.pem", "cross.pem", "crl.der", "road.json", "changed", "next")

_EXAMPLES = """\b
Examples:
  housekey run                                 until Ctrl-C: the page, and a round a day
  housekey run --no-page                       only renew
  housekey run --install                       as a service of systemd: shows it, then asks
  housekey run --install --timer               only renew, once a day, with nothing that stays
  housekey run --uninstall                     take away what --install wrote
"""


@click.command("run", epilog=_EXAMPLES)
@click.option("--no-page", is_flag=True, help="Serve no onboarding page.")
@click.option(
    "--bind",
    multiple=True,
    metavar="ADDRESS",
    help="Serve the page at this address of this machine.  [default: every private address]",
)
@page_options
@click.option("--install", is_flag=True, help="Install a service of systemd, and start it.")
@click.option("--timer", is_flag=True, help="With --install: a timer that renews once a day.")
@click.option("--uninstall", is_flag=True, help="Remove what --install wrote.")
@click.option("--dry-run", is_flag=True, help="With these: show what would be done.")
@quiet_option
@home_options
@yes_option
@common_options
def command(**options: Any) -> None:
    """Stay: renew what is due, and serve the onboarding page.

    Looks once a day, at a random moment of the quiet hours, and whenever this
    machine has another address or name. What housekey renew does by hand, this does
    by itself. Ctrl-C or SIGTERM ends it; a change under way is put back first.

    With --json one document comes at the end; the log goes to standard error.
    """
    output = Output(as_json=options["as_json"], yes=options["yes"])
    if options["install"] or options["uninstall"]:
        from housekey.cli.run.install import install_or_remove  # noqa: PLC0415 - after --help

        install_or_remove(options, output)
        return
    if options["timer"]:
        raise UsageError("--timer goes with --install", hint="housekey run --install --timer")
    if options["dry_run"]:
        raise UsageError(
            "--dry-run goes with --install or --uninstall",
            hint="housekey renew --dry-run says what would be renewed",
        )
    service = running(_run(options), output, ending="a change is being put back")
    output.document(
        {
            "house": str(house_folder(options)),
            "rounds": service.rounds,
            "renewed": service.renewed,
            "failed": list(service.failed),
        }
    )


async def _run(options: dict[str, Any]) -> Service:
    from housekey.cli.run.notify import systemd_of  # noqa: PLC0415 - after --help
    from housekey.cli.run.service import Parts, Service  # noqa: PLC0415
    from housekey.homeassistant.names import this_machine  # noqa: PLC0415
    from housekey.homeassistant.site import Interrupted  # noqa: PLC0415
    from housekey.renewal.addresses import AddressWatch  # noqa: PLC0415
    from housekey.renewal.round import Asked  # noqa: PLC0415

    folder = house_folder(options)
    quiet = quiet_hours(options["quiet_hours"])
    open_house(folder).close()  # what stands against it is told at once
    log = Log(now, journal=to_journal(os.environ))
    logged = LoggedOutput(log)
    asked = Asked(quiet, rest=NAMES_REST)

    async def go_round() -> tuple[Item, ...]:
        return await _round(folder, options, asked, logged)

    def serve() -> contextlib.AbstractAsyncContextManager[Page]:
        return _served(folder, options, log, logged)

    with AddressWatch(this_machine) as watch:
        service = Service(
            Parts(
                go_round=go_round,
                serve=None if options["no_page"] else serve,
                machine_changed=watch.changed,
                house_mark=lambda: _mark(folder),
                clock=now,
                sleep=asyncio.sleep,
                spread=random.random,
                quiet=quiet,
                log=log,
                systemd=systemd_of(os.environ),
            )
        )
        log.say("started", f"for the house in {folder}; Ctrl-C ends it")
        try:
            await service.run()
        except (asyncio.CancelledError, Interrupted):
            _go_on()  # Ctrl-C and SIGTERM are how it is ended
        log.say("ended", "nothing was left half done")
    return service


async def _round(
    folder: Path, options: dict[str, Any], asked: Any, logged: LoggedOutput
) -> tuple[Item, ...]:
    from housekey.cli.renew import tell_home  # noqa: PLC0415 - after --help
    from housekey.renewal.round import go_round  # noqa: PLC0415

    world = world_of(options, logged)  # anew each time: it remembers what names lead to
    home = await home_to_renew(options, world, logged, house=folder)
    items = await go_round(folder, home, asked, world)
    if home is not None:
        await tell_home(folder, home, items, world, logged)
    return items


@contextlib.asynccontextmanager
async def _served(
    folder: Path, options: dict[str, Any], log: Log, logged: LoggedOutput
) -> AsyncIterator[Page]:
    """Serve the page, as `share` does. Raises `HousekeyError`."""
    from housekey.cli.house.rotate_telling import refused_for_now  # noqa: PLC0415 - after --help
    from housekey.cli.share.ready import make_ready  # noqa: PLC0415
    from housekey.onboarding.children import serve  # noqa: PLC0415
    from housekey.onboarding.reach import url  # noqa: PLC0415

    with open_house(folder) as house:
        ready = await make_ready(house, options, None, logged)
        async with await serve(
            ready.offer,
            chain_pem=ready.leaf.chain_pem,
            key_pem=ready.leaf.key_pem,
            addresses=ready.reach.listen,
            port=options["port"],
            proof_port=options["proof_port"],
        ) as serving:
            held = ", ".join(serving.confined)
            log.say("page", f"{url(ready.reach.best, options['port'])}  (confined: {held})")
            if refused := refused_for_now(house):
                log.say("warning", refused)
            yield _Page(serving, house, ready.sha256, log)


class _Page:
    """The page, while it is served."""

    def __init__(self, serving: Serving, house: House, sha256: str, log: Log) -> None:
        self._serving = serving
        self._house = house
        self._sha256 = sha256
        self._log = log

    async def watch(self) -> None:
        from housekey.cli.share.recording import Recorder  # noqa: PLC0415 - after --help
        from housekey.onboarding.devices import Devices, called  # noqa: PLC0415
        from housekey.onboarding.events import Step  # noqa: PLC0415

        devices, recorder = Devices(), Recorder(self._house, self._sha256)
        try:
            async for event in self._serving.events():
                device = devices.take(event)
                if device is None or event.step is Step.REFUSED:
                    continue  # anybody on the network can fill a log with those
                again = ", as before" if device.again else ""
                who = f"device {device.number}: {called(device.visitor)}{again}"
                self._log.say(event.step.value, who)
                if event.step is Step.TRUSTS and not event.again:
                    trouble = recorder.write(event)
                    if trouble is not None:
                        self._log.say("warning", f"not in the ledger yet: {trouble.message}")
        finally:
            recorder.write()


def _mark(folder: Path) -> object:
    """Return what is another as soon as somebody else has changed what the house is."""
    found = []
    for name in _MARKED:
        try:
            status = (folder / name).stat()
        except OSError:
            continue
        found.append((name, status.st_ino, status.st_mtime_ns))
    return tuple(found)


def _go_on() -> None:
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
