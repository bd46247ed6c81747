"""`housekey share`: the page by which devices learn to trust the root, and who has."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from housekey.cli.home import running
from housekey.cli.output import (
    Output,
    common_options,
    house_folder,
    open_house,
    promised,
    yes_option,
)
from housekey.cli.page_options import page_options
from housekey.errors import HousekeyError, ShareFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from housekey.cli.share.devices import View
    from housekey.cli.share.recording import Recorder
    from housekey.onboarding.devices import Devices
    from housekey.onboarding.events import Event

# After the last proof: the device that gave it is still to hear that it was seen.
_LAST_WORDS_SECONDS = 1.0


_EXAMPLES = """\b
Examples:
  housekey share                               until Ctrl-C, at every private address
  housekey share --once                        until one device has proved that it trusts the root
  housekey share --card card.svg               with a card to print and to pin up
  housekey share --bind 192.168.1.20           at this address of this machine only
"""


@click.command("share", epilog=_EXAMPLES)
@click.option(
    "--bind",
    multiple=True,
    metavar="ADDRESS",
    help="Answer at this address of this machine; 0.0.0.0 and :: stand for all of their kind."
    "  [default: every private address]",
)
@page_options
@click.option(
    "--until", type=click.IntRange(1), metavar="N", help="End when N devices have proved trust."
)
@click.option("--once", is_flag=True, help="End when one device has.")
@click.option("--card", metavar="FILE", help="Write a card to print, as SVG, before that.")
@yes_option
@common_options
def command(**options: Any) -> None:
    """Hand the root to phones and laptops: a page on this network, and a QR code.

    The page shows each device its steps, and notices by itself when the device
    trusts the root. It gives away the root's certificate and nothing else.
    housekey status lists the devices that have proved it.

    It stays until Ctrl-C. With --json the document comes at the end, and the story
    goes to standard error: the page is there once that says "waiting".
    """
    from housekey.cli.share.card import card_path  # noqa: PLC0415 - after --help
    from housekey.house.files import Files  # noqa: PLC0415

    if options["once"] and options["until"]:
        raise UsageError("--once and --until say two things", hint="--once is --until 1")
    wanted = 1 if options["once"] else options["until"]
    output = Output(as_json=options["as_json"], yes=options["yes"], beside_json=True)
    card = card_path(options["card"], output, Files()) if options["card"] else None
    work = _share(options, wanted, card, output)
    shared = running(work, output, ending="the page is being closed")
    devices = shared.devices
    output.row("ended", _summary(devices))
    if shared.unrecorded is not None:
        promised.update(shared.document)
        raise ShareFailed(
            f"the proof of {_devices(shared.missing)} could not be recorded:"
            f" {shared.unrecorded.message}",
            hint=shared.unrecorded.hint,
        )
    if wanted is not None and devices.proofs < wanted:
        from housekey.homeassistant.site import Interrupted  # noqa: PLC0415 - rarely needed

        promised.update(shared.document)
        raise Interrupted(
            f"interrupted when {devices.proofs} of {_devices(wanted)} had proved trust",
            hint="run housekey share again whenever you like",
        )
    output.document(shared.document)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What came of it."""

    document: dict[str, Any]
    devices: Devices
    unrecorded: HousekeyError | None  # why the ledger lacks a proof
    missing: int  # proofs that it lacks


async def _share(
    options: dict[str, Any], wanted: int | None, card: Path | None, output: Output
) -> _Shared:
    from housekey.cli.share.devices import view_of  # noqa: PLC0415 - after --help
    from housekey.cli.share.ready import make_ready  # noqa: PLC0415
    from housekey.cli.share.recording import Recorder  # noqa: PLC0415
    from housekey.cli.share.told import document_of, tell  # noqa: PLC0415
    from housekey.onboarding.children import serve  # noqa: PLC0415
    from housekey.onboarding.devices import Devices  # noqa: PLC0415

    with open_house(house_folder(options)) as house:
        ready = await make_ready(house, options, card, output)
        devices, recorder = Devices(), Recorder(house, ready.sha256)
        output.busy("starting the page")
        async with await serve(
            ready.offer,
            chain_pem=ready.leaf.chain_pem,
            key_pem=ready.leaf.key_pem,
            addresses=ready.reach.listen,
            port=options["port"],
            proof_port=options["proof_port"],
        ) as serving:
            output.busy("")
            tell(ready, serving, output)
            try:
                with view_of(devices, output, ends=_end_of(wanted)) as view:
                    await _watch(serving.events(), devices, recorder, view, wanted)
            except asyncio.CancelledError:
                _go_on()  # Ctrl-C is how a page without an end is ended
            finally:
                unrecorded = recorder.write()
        return _Shared(
            document_of(ready, devices, confined=serving.confined),
            devices,
            unrecorded,
            len(recorder.pending),
        )


async def _watch(
    events: AsyncIterator[Event],
    devices: Devices,
    recorder: Recorder,
    view: View,
    wanted: int | None,
) -> None:
    """Follow what happens at the page, until `wanted` devices have proved trust."""
    from housekey.onboarding.events import Step  # noqa: PLC0415 - loaded already

    loop = asyncio.get_running_loop()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(None) as limit:
            async for event in events:
                device = devices.take(event)
                view.changed(event, device)
                if device is not None and event.step is Step.TRUSTS and not event.again:
                    trouble = recorder.write(event)
                    if trouble is not None:
                        problem = f"{trouble.message}; {trouble.hint}"
                        view.say("warning", f"not in the ledger yet: {problem}")
                if wanted is not None and devices.proofs >= wanted and limit.when() is None:
                    limit.reschedule(loop.time() + _LAST_WORDS_SECONDS)


def _go_on() -> None:
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()


def _end_of(wanted: int | None) -> str:
    if wanted is None:
        return "Ctrl-C ends it"
    have = "has" if wanted == 1 else "have"
    return f"it ends when {_devices(wanted)} {have} proved trust, or with Ctrl-C"


def _summary(devices: Devices) -> str:
    if not devices.came:
        return "no device came"
    proofs = devices.proofs
    if not proofs:
        return f"{_devices(devices.came)} came, none proved that it trusts the root"
    they = "it trusts" if proofs == 1 else "they trust"
    return f"{_devices(devices.came)} came, {proofs} proved that {they} the root"


def _devices(number: int) -> str:
    return f"{number} device{'' if number == 1 else 's'}"
