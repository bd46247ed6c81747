"""What `housekey share` tells before the first device comes, and its document at the end."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import click

from housekey.cli.house.rotate_telling import refused_for_now
from housekey.cli.output import LABEL_WIDTH, styled
from housekey.onboarding.confine import FROM_FILES
from housekey.onboarding.firewall import opening_command
from housekey.onboarding.qr import for_terminal
from housekey.onboarding.reach import url
from housekey.onboarding.standing import standing_in
from housekey.pki.fingerprint import grouped, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from housekey.cli.output import Output
    from housekey.cli.share.ready import Ready
    from housekey.onboarding.children import Serving
    from housekey.onboarding.devices import Devices
    from housekey.onboarding.reach import Reach

_MARGIN = 3  # columns between the code and what stands beside it
_GAP = "   "  # between two lines of the page, where both fit into one here


def tell(ready: Ready, serving: Serving, output: Output) -> None:
    """Tell where the page is, what to compare, and what to do on a device."""
    columns = shutil.get_terminal_size().columns
    # A QR code's black on white is no decoration, so NO_COLOR does not speak against it.
    plain = os.environ.get("TERM") == "dumb"
    code = code_of(ready.reach, ready.port, columns=columns, colour=not plain)
    shows_code = code is not None and sys.stdout.isatty() and not output.as_json
    for line in heads_up(ready, serving):
        output.row("heads up", line)
    if ready.offer.home_assistant:
        output.row("leads to", ready.offer.home_assistant)
    if ready.card:
        output.row("card", str(ready.card))
    addresses = list(address_lines(ready.reach, ready.port, shows_code=shows_code))
    how = "scan the code, or open the address" if shows_code else "open the address"
    then = f"{how} on the phone; compare the fingerprint, and follow the steps"
    if code is not None and shows_code:
        room = columns - _MARGIN - _width(code)
        fingerprint = list(fingerprint_lines(ready.sha256, columns=room + LABEL_WIDTH - 1))
        texts = {"page": addresses, "compare": fingerprint, "then": [then]}
        if beside := lines_beside(code, texts, room=room):
            click.echo("\n".join(beside))
            return
    for label, line in _labelled("compare", fingerprint_lines(ready.sha256, columns=columns)):
        output.row(label, line)
    for label, line in _labelled("page", addresses):
        output.row(label, line)
    output.row("then", then)
    if shows_code:
        click.echo(f"\n{code}\n")


def lines_beside(code: str, texts: Mapping[str, Sequence[str]], *, room: int) -> list[str]:
    """Return `texts`, by their labels, at the right of `code`; nothing when they have no room.

    So that the code, the address and the fingerprint stay in view together, on 24 lines too.
    """
    rows = code.splitlines()
    beside: list[tuple[str, str]] = []
    for label, lines in texts.items():
        if beside:
            beside.append(("", ""))
        beside.append((label, ""))
        for line in lines:
            folded = textwrap.wrap(
                line, room - 2, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
            )
            beside += (("", f"  {each}") for each in folded)
    if any(len(text) > room for _, text in beside) or len(beside) > len(rows):
        return []
    above = (len(rows) - len(beside)) // 2
    beside[:0] = [("", "")] * above
    return [
        f"{row}{' ' * _MARGIN}{styled(label, bold=True) if label else text}".rstrip()
        for row, (label, text) in zip_longest(rows, beside, fillvalue=("", ""))
    ]


def _width(code: str) -> int:
    """Return how many columns a code takes, whatever colours are in it."""
    return len(click.unstyle(code.partition("\n")[0]))


def heads_up(ready: Ready, serving: Serving) -> Iterator[str]:
    """Yield what is not as one may think it is."""
    reach = ready.reach
    if not FROM_FILES & set(serving.confined):
        yield (
            "this system lets no program lock itself in: what serves the page holds no key of the"
            " house, but could read what other users of this machine can read"
        )
    if (standing := standing_in(ready.house)) is not None:
        have = f"{standing.proved} of {standing.known} devices have proved it so far"
        yield f"the house has two roots just now: this page hands out the new one; {have}"
    if refused := refused_for_now(ready.house):
        yield refused
    if reach.address is None:
        yield "no other device can open the page: this machine has no private address"
    if reach.address is None or reach.address.version == 6:
        for address in reach.public:
            yield (
                f"{address} is no private address, so the page does not answer there;"
                f" with --bind {address} it does"
            )
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
        note = "  (in the code; some phones find no names)" if shows_code and reach.known else ""
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
    """Yield the fingerprint in the lines in which the page has it: two, one or a half in a line."""
    lines = [line.rstrip(":") for line in lines_of(sha256)]
    room, width = columns - LABEL_WIDTH - 3, len(lines[0])
    if room >= 2 * width + len(_GAP):
        yield from map(_GAP.join, zip(lines[::2], lines[1::2], strict=True))
    elif room >= width:
        yield from lines
    else:
        for line in lines:
            yield from (line[: width // 2], line[width // 2 + 1 :])


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
    reach, root = ready.reach, ready.house.root_for_devices
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
        "came": devices.came,
        "proofs": devices.proofs,
        "refused": dict(devices.refused),
    }
