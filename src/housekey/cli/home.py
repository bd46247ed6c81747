"""What the commands about a Home Assistant share: which one, signed in how, in which world."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import webbrowser
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from housekey.cli.output import now
from housekey.errors import HousekeyError, NotFound, YamlRefused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping

    from housekey.cli.output import Output
    from housekey.homeassistant.site import Door, World
    from housekey.live.handshake import Address, Resolver
    from housekey.live.tls import Called, Trust
    from housekey.pki.secret import Secret

_T = TypeVar("_T")

REMEMBERED = "token"  # the file in the house


@dataclass(frozen=True, slots=True)
class Home:
    """The Home Assistant that is meant."""

    folder: Path | None  # None: not known before Home Assistant has been asked
    door: Door


def home_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which Home Assistant, and who asks it."""
    for option in (
        click.option(
            "--wait",
            type=click.FloatRange(1),
            default=300,
            metavar="SECONDS",
            help="How long a restart may take.  [default: 300]",
        ),
        click.option(
            "--restart-command",
            metavar="COMMAND",
            help="Restart Home Assistant with this, e.g. 'docker restart homeassistant'.",
        ),
        click.option(
            "--remember",
            is_flag=True,
            help="Keep a long-lived token in the house (mode 0600) for the next time.",
        ),
        click.option(
            "--token-file",
            metavar="FILE",
            help="A file with a long-lived access token of an administrator.  [or HASS_TOKEN]",
        ),
        click.option(
            "--url", metavar="URL", help="The address of Home Assistant.  [or HASS_SERVER]"
        ),
        click.option("--config", metavar="DIR", help="The folder that holds configuration.yaml."),
    ):
        command = option(command)
    return command


def world_of(options: dict[str, Any], output: Output) -> World:
    """Return the real world."""
    from housekey.homeassistant.announced import browse  # noqa: PLC0415
    from housekey.homeassistant.site import World  # noqa: PLC0415 - after --help
    from housekey.house.files import Files  # noqa: PLC0415
    from housekey.live.handshake import resolve  # noqa: PLC0415

    return World(
        files=Files(),
        clock=now,
        resolve=remembering(resolve),
        browse=browse,
        tell=output.row,
        busy=output.busy,
        run=_run_command,
        hook=_moment,
        wait=options["wait"],
    )


def remembering(resolver: Resolver) -> Resolver:
    """Resolve each host once a run: a name that does not resolve costs seconds every time."""
    known: dict[str, asyncio.Task[tuple[Address, ...]]] = {}

    async def resolve(host: str) -> tuple[Address, ...]:
        if host not in known:
            known[host] = asyncio.ensure_future(resolver(host))
        return await asyncio.shield(known[host])

    return resolve


async def choose_home(
    options: dict[str, Any], world: World, output: Output, *, house: Path
) -> Home:
    """Find the Home Assistant that is meant; ask when there are several."""
    from housekey.homeassistant.find import find  # noqa: PLC0415 - after --help
    from housekey.homeassistant.yaml_tree import http_settings  # noqa: PLC0415

    read = world.files.read

    def settings_of(folder: Path) -> Mapping[str, object]:
        try:
            return http_settings(folder, read)
        except YamlRefused:
            return {}  # it may run all the same, and is asked what it thinks of its YAML

    output.busy("looking for Home Assistant")
    config = Path(options["config"]).absolute() if options["config"] else None
    found = await find(
        config,
        options["url"],
        os.environ,
        read=read,
        browse=world.browse,
        settings_of=settings_of,
    )
    output.busy("")
    chosen = found[0]
    # What only announces itself on the network may be anybody: no token goes there unasked.
    if len(found) > 1 or chosen.by == "mdns":
        listed = [f"{each.url}  {each.folder or ''}".rstrip() for each in found]
        question = "Which Home Assistant?"
        chosen = found[output.choose(question, listed, option="--config or --url")]
    door = _door(chosen.url)
    if chosen.folder is not None and not chosen.answers:
        # A switch that was cut short may have left it at another door.
        door = await _door_of_open_change(house, chosen.folder, world) or door
    return Home(chosen.folder.absolute() if chosen.folder is not None else None, door)


async def folder_of(home: Home, token: Secret | None, world: World, *, house: Path) -> Path:
    """Return the configuration folder; one that is not known is asked of Home Assistant."""
    if home.folder is not None:
        return home.folder
    from housekey.homeassistant import find, paths  # noqa: PLC0415 - after --help
    from housekey.homeassistant.client import Client  # noqa: PLC0415
    from housekey.homeassistant.look import must_answer  # noqa: PLC0415

    read, called = world.files.read, ""
    if token is not None:
        async with Client(home.door.url, token, besides=_roots_of(house, world)) as client:
            instance = await client.get_config()
        called = f" ({instance.config_dir})"
        usual = find.usual_folders(os.environ)
        for folder in find.folder_of(instance.config_dir, usual, read=read):
            evidence = await paths.gather_evidence(
                folder, instance, token, read=read, sleep=world.sleep
            )
            if paths.judge(evidence).belongs:
                return folder
    else:
        await must_answer(home.door)
    raise NotFound(
        f"Home Assistant answers at {home.door.url},"
        f" but its configuration folder{called} is not known on this computer",
        hint="run housekey where that folder is, and name it with --config DIR",
    )


async def _door_of_open_change(house: Path, folder: Path, world: World) -> Door | None:
    """Return where Home Assistant answers that an earlier housekey was about to move."""
    from housekey.homeassistant.put_back import doors_of  # noqa: PLC0415
    from housekey.house.journal import Journal  # noqa: PLC0415
    from housekey.live.handshake import Speech, speaks  # noqa: PLC0415

    journal = Journal(house / "journal", files=world.files, clock=world.clock)
    for transaction in journal.standing():
        for door in doors_of(transaction):
            if transaction.target.get("folder") == str(folder) and (
                await speaks(door.host, door.port) is not Speech.NOTHING
            ):
                return door
    return None


def known_token(
    options: dict[str, Any], world: World, output: Output, *, house: Path
) -> Secret | None:
    """Return the token that was given or remembered; nobody is asked for one."""
    from housekey.homeassistant.signin import token_from  # noqa: PLC0415 - after --help

    file = Path(options["token_file"]) if options["token_file"] else None
    given = token_from(file, os.environ, read=world.files.read)
    if given is None and (house / REMEMBERED).exists():
        given = token_from(house / REMEMBERED, {}, read=world.files.read)
    if given is None:
        return None
    if given.warning:
        output.row("warning", given.warning)
    return given.token


@contextlib.asynccontextmanager
async def sign_in(
    options: dict[str, Any], home: Home, world: World, output: Output, *, house: Path
) -> AsyncIterator[Secret | None]:
    """Yield a token: given, remembered, or from the user's browser; None when nobody can sign in.

    What the browser brought is revoked in the end, so that nothing is left behind. With
    `--remember` a long-lived token is kept in the house once all has gone well.
    """
    given = known_token(options, world, output, house=house)
    if given is not None:
        yield given
        if _remembers(options):
            world.files.write(house / REMEMBERED, given, mode=0o600)
    elif output.as_json or output.yes or not sys.stdin.isatty():
        yield None
    else:
        async with _from_browser(options, home, world, output, house=house) as token:
            yield token


@contextlib.asynccontextmanager
async def _from_browser(
    options: dict[str, Any], home: Home, world: World, output: Output, *, house: Path
) -> AsyncIterator[Secret]:
    from housekey.homeassistant.client import Client  # noqa: PLC0415
    from housekey.homeassistant.look import must_answer  # noqa: PLC0415
    from housekey.homeassistant.signin import (  # noqa: PLC0415
        browser_sign_in,
        long_lived_token,
        revoke,
    )

    def tell(page: str) -> None:
        output.row("sign in", "in the browser window that opens, or on this computer at")
        output.row("", page)
        output.row("", "elsewhere: Ctrl-C, make a token in your profile, and use --token-file")

    await must_answer(home.door)
    roots = _roots_of(house, world)
    async with Client(home.door.url, None, besides=roots) as client:
        signed_in = await browser_sign_in(client, open_browser=_open_browser, tell=tell)
    try:
        yield signed_in.access_token
        if _remembers(options):
            url = await _url_now(home, house, world)
            roots = _roots_of(house, world)
            async with Client(url, signed_in.access_token, besides=roots) as client:
                kept = await long_lived_token(client, "housekey")
            world.files.write(house / REMEMBERED, kept, mode=0o600)
    finally:
        url = await _url_now(home, house, world)
        with contextlib.suppress(HousekeyError):  # it ends by itself when it is not used
            async with Client(url, None, besides=_roots_of(house, world)) as client:
                await revoke(client, signed_in.refresh_token)


def _open_browser(page: str) -> None:
    """Open a page without waiting: some browsers end only when their window is closed."""
    threading.Thread(target=webbrowser.open, args=(page,), daemon=True).start()


async def _url_now(home: Home, house: Path, world: World) -> str:
    """Return where the Home Assistant answers now, which a switch may have changed."""
    from housekey.live.handshake import Speech, speaks  # noqa: PLC0415

    if await speaks(home.door.host, home.door.port) is Speech.PLAIN:
        return home.door.url
    moved = home.folder and await _door_of_open_change(house, home.folder, world)
    door = moved or home.door
    return replace(door, scheme="https").url


def _remembers(options: dict[str, Any]) -> bool:
    """Whether to keep a token: a dry run keeps nothing."""
    return bool(options["remember"] and not options.get("dry_run"))


def _roots_of(house: Path, world: World) -> tuple[Trust | Called, ...]:
    """Return what this home's Home Assistant may be met under; nothing without a house."""
    from housekey.homeassistant.authority import met_as, names_of_road  # noqa: PLC0415
    from housekey.house.generations import ROOT, Why, read_generations  # noqa: PLC0415
    from housekey.house.road import read_road  # noqa: PLC0415
    from housekey.house.together import where  # noqa: PLC0415

    path = where(house, ROOT)
    if path is None or not path.exists():
        return ()
    generations = read_generations(house, files=world.files)
    overlap = generations.overlap
    beside = [overlap.old_root, overlap.new_root] if overlap is not None else []
    # It presents the old chain until it has got a new one.
    beside += [each.root for each in generations.former[-1:] if each.why is Why.ROTATED]
    road = read_road(house, files=world.files)
    other = [met_as(road.roots, names_of_road(house, road, files=world.files))] if road else []
    return tuple(dict.fromkeys((generations.root, *beside, *other)))


def running(
    work: Coroutine[Any, Any, _T],
    output: Output,
    *,
    ending: str = "everything is being put back as it was",
) -> _T:
    """Run a command's work; Ctrl-C, a closed terminal and SIGTERM let it put things back.

    Only the first of them counts: putting back what was changed is not interrupted again, and
    `ending` says what is going on.
    """

    async def guarded() -> _T:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        stopped = False

        def stop() -> None:
            nonlocal stopped
            if stopped:
                output.row("wait", ending)
                return
            stopped = True  # task.cancelling() counts time-outs that are just over too
            task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stop)
        try:
            return await task
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
        finally:
            output.busy("")

    return asyncio.run(guarded())


async def _run_command(command: str) -> int:
    process = await asyncio.create_subprocess_shell(
        command, stdin=asyncio.subprocess.DEVNULL, stdout=sys.stderr
    )
    return await process.wait()


def _door(url: str) -> Door:
    from urllib.parse import urlsplit  # noqa: PLC0415

    from housekey.homeassistant.site import Door  # noqa: PLC0415

    parts = urlsplit(url)
    secure = parts.scheme == "https"
    return Door(
        "https" if secure else "http",
        parts.hostname or "localhost",
        parts.port or (443 if secure else 80),
    )


def _moment(moment: str) -> None:
    """Let a test stop or kill this very process at a moment of the journal.

    `HOUSEKEY_TEST_MOMENT="kill before configure"` or `"stop after key"`; nothing
    else can be asked for, so that the environment gives nobody any power.
    """
    wanted = os.environ.get("HOUSEKEY_TEST_MOMENT", "")
    what, _, when = wanted.partition(" ")
    if wanted and when == moment:
        os.kill(os.getpid(), signal.SIGSTOP if what == "stop" else signal.SIGKILL)
