"""A card to print and to pin up: QR code, fingerprint, and three lines of how."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from housekey.onboarding import downloads, qr, texts
from housekey.onboarding.fingerprint import lines_of
from housekey.onboarding.pages import environment
from housekey.pki.encoding import certificate_from_der, fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housekey.onboarding.offer import Offer

# SVG does not fold text. So many characters fit, in the widest of the fonts that may come up.
_CHARACTERS = 32
_OF_THE_HEADING = 30
_TOP, _LINE, _GAP = 31.0, 6.0, 2.5  # mm: of the first line of how, between lines, between points


@dataclass(frozen=True, slots=True)
class _Point:
    y: float  # of its first line
    lines: list[str]


def card(offer: Offer, address: str, *, language: str = texts.DEFAULT_LANGUAGE) -> bytes:
    """Return the card for the page at `address` as SVG, 148 × 105 mm (A6), black on white.

    Raises PemUnreadable if the offer's root is none.
    """
    words = texts.read(language)
    size, path = qr.path(address)
    heading = words.plain("card.heading")
    if home := downloads.plain(offer.home):
        heading = home if len(home) <= _OF_THE_HEADING else home[: _OF_THE_HEADING - 1] + "…"
    drawn = (
        environment()
        .get_template("card.svg")
        .render(
            language=language,
            heading=heading,
            purpose=words.plain("card.purpose"),
            address=address,
            size=size,
            path=path,
            how=list(_points(words)),
            label=words.plain("card.fingerprint"),
            fingerprint=lines_of(fingerprint(certificate_from_der(offer.root_der))),
        )
    )
    return drawn.encode()


def _points(words: texts.Texts) -> Iterator[_Point]:
    y = _TOP
    for key in ("card.scan", "card.follow", "card.compare"):
        lines = textwrap.wrap(words.plain(key), _CHARACTERS)
        yield _Point(y, lines)
        y += _LINE * len(lines) + _GAP
