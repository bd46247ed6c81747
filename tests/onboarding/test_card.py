"""The card and the QR codes."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
import segno

from housekey.onboarding import qr
from housekey.onboarding.card import card
from housekey.onboarding.fingerprint import grouped, lines_of
from housekey.onboarding.texts import languages, read
from housekey.pki.encoding import fingerprint
from tests.onboarding.offers import an_offer
from tests.pki.houses import a_house

ADDRESS = "http://192.168.1.20:8125"
SVG = "{http://www.w3.org/2000/svg}"
DIGEST = fingerprint(a_house().root.certificate)


def drawn(text: str) -> list[list[int]]:
    """What `path` draws, as dark and light modules, by reading the path as a renderer does."""
    size, path = qr.path(text)
    grid = [[0] * size for _ in range(size)]
    for piece in path.removesuffix("z").split("z"):
        start, _, rest = piece.removeprefix("M").partition("h")
        x, y = map(int, start.split())
        width = int(rest.partition("v")[0])
        for at in range(x, x + width):
            grid[y][at] = 1
    return grid


def modules(text: str) -> list[list[int]]:
    code = segno.make_qr(text, error="m")
    return [[int(bool(dark)) for dark in row] for row in code.matrix_iter(border=4)]


def test_the_drawn_code_is_the_code() -> None:
    assert drawn(ADDRESS) == modules(ADDRESS)


def test_the_code_in_the_terminal_is_the_code_upside_down_in_colour() -> None:
    pairs = {"█": (0, 0), "▀": (0, 1), "▄": (1, 0), " ": (1, 1)}
    rows: list[list[int]] = []
    for line in qr.for_terminal(ADDRESS, colour=False).split("\n"):
        rows.append([pairs[each][0] for each in line])
        rows.append([pairs[each][1] for each in line])
    assert rows[: len(modules(ADDRESS))] == modules(ADDRESS)


def test_colours_do_not_leak_out_of_a_line() -> None:
    for line in qr.for_terminal(ADDRESS, colour=True).split("\n"):
        assert line.startswith("\x1b[")
        assert line.endswith("\x1b[0m")
    assert "\x1b" not in qr.for_terminal(ADDRESS, colour=False)


def test_the_code_fits_a_terminal_of_eighty_columns() -> None:
    lines = qr.for_terminal("http://homeassistant.local:8125", colour=False).split("\n")
    assert max(map(len, lines)) <= 40
    assert len(lines) <= 20


@pytest.mark.parametrize("language", languages())
def test_a_card_has_the_code_the_fingerprint_and_three_lines(language: str) -> None:
    svg = ET.fromstring(card(an_offer(), ADDRESS, language=language))
    text = " ".join("".join(svg.itertext()).split())
    words = read(language)
    for key in ("card.scan", "card.follow", "card.compare"):
        assert words.plain(key) in text
    shown = [each.text for each in svg.iter(f"{SVG}tspan") if each.text in lines_of(DIGEST)]
    assert "".join(map(str, shown)) == grouped(DIGEST)
    assert "Our Home" in text
    assert ADDRESS in text
    path = svg.find(f"{SVG}svg/{SVG}path")
    assert path is not None
    assert path.get("d") == qr.path(ADDRESS)[1]


@pytest.mark.parametrize("language", languages())
def test_the_lines_of_a_card_stay_above_its_fingerprint(language: str) -> None:
    svg = ET.fromstring(card(an_offer(), ADDRESS, language=language))
    above = [each for each in svg.iter(f"{SVG}tspan") if each.text not in lines_of(DIGEST)]
    assert max(float(each.get("y", "")) for each in above) <= 75
    assert all(len(each.text or "") <= 32 for each in above)


def test_a_card_loads_nothing_and_runs_nothing() -> None:
    svg = ET.fromstring(card(an_offer(home="<script>&"), ADDRESS))
    names = {each.tag.removeprefix(SVG) for each in svg.iter()}
    assert names == {"svg", "title", "rect", "text", "tspan", "path"}
    assert "<script>&" in "".join(svg.itertext())


def test_a_long_name_of_a_home_stays_on_the_card() -> None:
    svg = ET.fromstring(card(an_offer(home="Donaudampfschifffahrtsgesellschaft" * 9), ADDRESS))
    heading = next(svg.iter(f"{SVG}text")).text or ""
    assert len(heading) == 30
    assert heading.endswith("gesells…")


def test_a_home_without_a_name_has_a_card_as_well() -> None:
    assert b"Our home" in card(an_offer(home=""), ADDRESS)


def test_the_lines_of_a_fingerprint_are_the_fingerprint() -> None:
    assert "".join(lines_of(DIGEST)) == grouped(DIGEST)
    assert len(lines_of(DIGEST)) == 4
    assert grouped(DIGEST).replace(":", "").lower() == DIGEST
