"""Where the house is, when nobody says it: on its own, because every command asks that first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def default_house_folder(environ: Mapping[str, str]) -> Path:
    """Return HOUSEKEY_HOUSE, or `housekey` in the platform's folder for a user's data."""
    if named := environ.get("HOUSEKEY_HOUSE"):
        return Path(named).expanduser().absolute()
    from platformdirs import user_data_path  # noqa: PLC0415 - HOUSEKEY_HOUSE needs it not

    return user_data_path("housekey", appauthor=False)
