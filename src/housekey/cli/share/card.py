"""`--card FILE`: the printed card, which replaces no file of somebody else's unasked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from housekey.errors import Stopped

if TYPE_CHECKING:
    from housekey.cli.output import Output
    from housekey.house.files import Files
    from housekey.onboarding.offer import Offer

_BEGINS = b'<svg xmlns="http://www.w3.org/2000/svg" width="148mm" height="105mm"'


def card_path(given: str, output: Output, files: Files) -> Path:
    """Return where the card goes; ask before it takes the place of another file.

    Raises `Stopped`, `AnswerMissing`, and `FileTrouble` for what cannot be read.
    """
    path = Path(given).expanduser().absolute()
    there = path.exists() and files.read(path, most_bytes=len(_BEGINS))
    if there and there != _BEGINS:
        question = f"{path} is there already, and is no card of housekey's. Replace it?"
        if not output.confirm(question):
            raise Stopped
    return path


def write_card(path: Path, offer: Offer, address: str, files: Files) -> None:
    """Write the card for the page at `address`. Raises `FileTrouble`."""
    from housekey.onboarding.card import card  # noqa: PLC0415 - jinja2 is slow to import
    from housekey.onboarding.texts import DEFAULT_LANGUAGE, languages  # noqa: PLC0415

    spoken = os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    language = next((each for each in languages() if spoken.startswith(each)), DEFAULT_LANGUAGE)
    files.write(path, card(offer, address, language=language), mode=0o644)
