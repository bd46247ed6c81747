"""Which root `trust` and `untrust` are about, and who has vouched for it."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from housekey.cli.output import Output, house_folder, now, open_house
from housekey.errors import HousekeyError, HouseMissing, Stopped, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.x509 import Certificate

    from housekey.trust.store import Server, Store

_MOST_BYTES = 1024 * 1024  # of a file with a root


@dataclass(frozen=True, slots=True)
class Chosen:
    """The root that is meant, and what is known around it."""

    root: Certificate
    source: str  # for people
    again: tuple[str, ...]  # the options that choose it once more
    house: Path | None = None  # this machine's house, if it is its root
    server: Server | None = None  # to prove by, if one is named
    is_over: bool = False  # an earlier root of this machine's house, whose key is gone


def choose(options: dict[str, Any], stores: Sequence[Store], *, taking_out: bool) -> Chosen:
    """Find the root that is meant. Nothing of it is believed yet, but this machine's own."""
    from housekey.trust.page import fetch, server_at  # noqa: PLC0415 - after --help
    from housekey.trust.root import digits_of, root_in  # noqa: PLC0415

    if options["page"] and options["root_file"]:
        raise UsageError(
            "--from and --root name two roots", hint="say one of them: the page, or the file"
        )
    server = server_at(options["prove"]) if options["prove"] else None
    again = ("--prove", options["prove"]) if options["prove"] else ()
    if options["fingerprint"]:
        digits_of(options["fingerprint"])  # a typo is told before anything is asked
    if options["page"]:
        page = fetch(options["page"])
        source = f"the page at {page.url}"
        return Chosen(page.root, source, ("--from", page.url, *again), None, server or page.server)
    if options["root_file"]:
        path = Path(options["root_file"]).absolute()
        root = root_in(_read(path), source=str(path))
        return Chosen(
            root,
            str(path),
            ("--root", str(path), *again),
            _house_of(root, options),
            server,
            is_over=_is_over(root, options),
        )
    if taking_out and options["fingerprint"]:
        found = _find(digits_of(options["fingerprint"]), stores, options)
        return Chosen(found, "this computer", again, _house_of(found, options), server)
    folder = house_folder(options)
    try:
        with open_house(folder) as house:
            root = house.root_for_devices
    except (HouseMissing, ImportError) as missing:  # ImportError: Windows cannot have one
        under_sudo = "under sudo, name it with --house; " if "SUDO_USER" in os.environ else ""
        raise HouseMissing(
            f"there is no house in {folder}",
            hint=f"{under_sudo}housekey secure creates one. If it is on another machine, run"
            " housekey share there, and give the address that it shows: --from http://…:8125",
        ) from missing
    return Chosen(root, f"the house in {folder}", ("--house", str(folder), *again), folder, server)


def refuse_unfit(chosen: Chosen, *, unconstrained: bool) -> None:
    """Raise `RootRefused` for what is no root, or could speak for more than a home."""
    from housekey.trust.root import must_be_a_root, must_be_limited  # noqa: PLC0415 - after --help

    must_be_a_root(chosen.root, source=chosen.source, now=now())
    if not unconstrained:
        must_be_limited(chosen.root)


def compare(chosen: Chosen, options: dict[str, Any], output: Output, *, taking_out: bool) -> None:
    """Have the fingerprint compared: by the one that was given, else by the person at the terminal.

    --yes answers nothing here: it cannot have compared anything.
    """
    from housekey.trust.root import digits_of, must_be  # noqa: PLC0415 - after --help

    if options["fingerprint"]:
        must_be(chosen.root, digits_of(options["fingerprint"]), source=chosen.source)
        return
    if chosen.house is not None or (taking_out and options["root_file"]):
        return
    question = "Does housekey share on the other machine show this very fingerprint?"
    if not Output(as_json=output.as_json).confirm(question, option="--fingerprint"):
        raise Stopped


def _read(path: Path) -> bytes:
    """Read the file of a root; not through `Files`, which cannot be loaded on Windows."""
    from housekey.house.reasons import told  # noqa: PLC0415 - after --help

    with told(path), path.open("rb") as file:
        return file.read(_MOST_BYTES)


def _house_of(root: Certificate, options: dict[str, Any]) -> Path | None:
    """Return this machine's house, if `root` is its own: then it can show a certificate."""
    folder = house_folder(options)
    try:
        with open_house(folder) as house:
            return folder if house.root_for_devices == root else None
    except (HousekeyError, ImportError):
        return None


def _is_over(root: Certificate, options: dict[str, Any]) -> bool:
    """Whether `root` is an earlier one of this machine's house, which was dropped."""
    with (
        contextlib.suppress(HousekeyError, ImportError),
        open_house(house_folder(options)) as house,
    ):
        return any(each.root == root for each in house.former)
    return False


def _find(digits: str, stores: Sequence[Store], options: dict[str, Any]) -> Certificate:
    """Return the root with this fingerprint, from the stores or from this machine's house."""
    from housekey.pki.encoding import fingerprint  # noqa: PLC0415 - loaded already
    from housekey.trust.store import Finder  # noqa: PLC0415

    for store in stores:
        if isinstance(store, Finder) and (found := store.find(digits)) is not None:
            return found
    with (
        contextlib.suppress(HousekeyError, ImportError),
        open_house(house_folder(options)) as house,
    ):
        for root in (*house.roots, *(each.root for each in house.former)):
            if fingerprint(root) == digits:
                return root
    raise UsageError(
        "no root with this fingerprint is in the system's store of this computer",
        hint="name its file with --root, so that the other stores can be searched for it",
    )
