"""Earlier roots of the home that this computer still trusts: told by `housekey trust`."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from housekey.cli.output import open_house
from housekey.errors import HousekeyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from housekey.cli.output import Output
    from housekey.trust.store import Machine, Store


def tell_former(
    output: Output, folder: Path | None, stores: Sequence[Store], machine: Machine
) -> None:
    """Say which roots that are over lie in `stores`, and how they are taken out."""
    for name, file, titles in _still_here(folder, stores, machine):
        output.row(
            "heads up",
            f"{name}, which is over, is still in {', '.join(titles)};"
            f" housekey untrust --root {file} takes it out",
        )


def _still_here(
    folder: Path | None, stores: Sequence[Store], machine: Machine
) -> Iterator[tuple[str, Path, list[str]]]:
    from housekey.onboarding.downloads import listed  # noqa: PLC0415 - rarely needed
    from housekey.trust.run import End, plan  # noqa: PLC0415 - loaded already

    if folder is None:
        return
    with contextlib.suppress(HousekeyError), open_house(folder) as house:
        for former in house.former:
            outcomes = (plan(each, former.root, machine, taking_out=True) for each in stores)
            titles = [each.title for each in outcomes if each.end is End.WOULD_REMOVE]
            if titles:
                file = folder / "old" / former.number / "root.pem"
                yield listed(former.root), file, titles
