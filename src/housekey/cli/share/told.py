"""What `housekey share` tells before the first device comes, and its document at the end."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import click

from housekey.cli.output import LABEL_WIDTH
from housekey.onboarding.fingerprint import grouped, lines_of
from housekey.onboarding.firewall import opening_command
from housekey.onboarding.qr import for_terminal
from housekey.onboarding.reach import url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from housekey.cli.output import Output
    from housekey.cli.share.ready import Ready
    from housekey.onboarding.children import Serving
    from housekey.onboarding.devices import Devices
    from housekey.onboarding.reach import Reach

_GAP = "   "  # between two lines of the page, where both fit into one here


def tell(ready: Ready, serving: Serving, output: Output) -> None:
    """Tell where the page is, what to compare, and what to do on a device."""
    if output.as_json:
        return
    columns = shutil.get_terminal_size().columns
    # A QR code's black on white is no decoration, so NO_COLOR does not speak against it.
    plain = os.environ.get("TERM") == "dumb"
    code = code_of(ready.reach, ready.port, columns=columns, colour=not plain)
    shows_code = code is not None and sys.stdout.isatty()
    for line in heads_up(ready, serving):
        output.row("heads up", line)
    if ready.offer.home_assistant:
        output.row("leads to", ready.offer.home_assistant)
    if ready.card:
        output.row("card", str(ready.card))
    for label, line in _labelled("root", fingerprint_lines(ready.sha256, columns=columns)):
        output.row(label, line)
    addresses = address_lines(ready.reach, ready.port, shows_code=shows_code)
    for label, line in _labelled("page", addresses):
        output.row(label, line)
    how = "scan the code, or open the address" if shows_code else "open the address"
    output.row("then", f"{how} on the phone; compare the fingerprint, and follow the steps")
    if shows_code:
        click.echo(f"\n{code}\n")


def heads_up(ready: Ready, serving: Serving) -> Iterator[str]:
    """Yield what is not as one may think it is."""
    reach = ready.reach
    if not serving.confined:
        yield (
            "this system lets no program lock itself in: the processes that serve the page hold"
            " no key of the house, but could read this machine's other files"
        )
    if reach.address is None:
        yield "no other device can open the page: this machine has no private address"
    if reach.address is None or reach.address.version == 6:
        for address in reach.public:
            yield f"{address} is no private address; only --bind {address} has the page there"
    for name in reach.refused:
        yield f"the page does not answer at {name}: the house may not speak for it"
    if not ready.offer.home_assistant:
        yield (
            "no Home Assistant was taken to https from this house, so the page has no link to one;"
            " --home-assistant URL names one"
        )
    ports = (serving.port, serving.proof_port)
    if reach.address is not None and (opening := opening_command(ports)):
        yield f"a firewall is on; if no device gets through: {opening}"


def address_lines(reach: Reach, port: int, *, shows_code: bool) -> Iterator[str]:
    """Yield the addresses to type, best first, by name and by number."""
    if reach.known:
        yield url(reach.known, port)
    if reach.address:
        note = "  (in the code: not every phone finds names)" if shows_code and reach.known else ""
        yield url(str(reach.address), port) + note
    if reach.perhaps:
        yield f"{url(reach.perhaps, port)}  (where the network knows this name)"
    if not (reach.known or reach.address or reach.perhaps):
        yield url(reach.best, port)


def _labelled(label: str, lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield lines with the label at the first of them."""
    for number, line in enumerate(lines):
        yield ("" if number else label), line


def fingerprint_lines(sha256: str, *, columns: int) -> Iterator[str]:
    """Yield the fingerprint in the lines in which the page has it, two in one where they fit."""
    lines = lines_of(sha256)
    each = 2 if LABEL_WIDTH + 2 + 2 * len(lines[0]) + len(_GAP) < columns else 1
    for at in range(0, len(lines), each):
        yield _GAP.join(line.rstrip(":") for line in lines[at : at + each])


def code_of(reach: Reach, port: int, *, columns: int, colour: bool) -> str | None:
    """Return the QR code of the address that most phones reach; None where it does not fit."""
    if reach.address is None:
        return None
    address = url(str(reach.address), port)
    bare = for_terminal(address, colour=False)
    if len(bare.partition("\n")[0]) > columns:
        return None
    return for_terminal(address, colour=True) if colour else bare


def document_of(ready: Ready, devices: Devices, *, confined: Sequence[str]) -> dict[str, Any]:
    """Return the one document of `--json`."""
    reach, root = ready.reach, ready.house.root
    hosts = dict.fromkeys([reach.best, *reach.hosts])
    return {
        "house": str(ready.house.folder),
        "addresses": [url(host, ready.port) for host in hosts],
        "proof_port": ready.offer.proof_port,
        "fingerprint": grouped(ready.sha256),
        "root": {
            "sha256": ready.sha256,
            "subject": root.subject.rfc4514_string(),
            "not_after": root.not_valid_after_utc.isoformat(),
        },
        "home_assistant": ready.offer.home_assistant,
        "refused_names": list(map(str, reach.refused)),
        "card": str(ready.card) if ready.card else None,
        "confined": list(confined),
        "devices": [
            {
                "device": device.visitor.kind.value,
                "browser": device.visitor.browser.value,
                "steps": {step.value: at.isoformat() for step, at in device.steps.items()},
                "again": device.again,
            }
            for device in devices.by_number.values()
        ],
        "proofs": devices.proofs,
        "refused": dict(devices.refused),
    }
