"""The style sheet: contrast by WCAG 2.2, in both schemes, and nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[2] / "src/housekey/onboarding/static/style.css").read_text()
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
    for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
)
SCHEMES = {"light": LIGHT, "dark": LIGHT | DARK}

TEXT = [  # what is written in which colour on which ground
    ("ink", "paper"), ("ink", "card"), ("ink", "code"),
    ("quiet", "paper"), ("quiet", "card"),
    ("accent", "paper"), ("accent", "card"),
    ("on-accent", "accent"),
    ("on-accent-soft", "accent-soft"), ("on-accent-soft", "code"),
]  # fmt: skip
SHAPES = [
    ("focus", "paper"),
    ("focus", "card"),
    ("focus", "accent-soft"),
    ("accent", "accent-soft"),
]


def luminance(colour: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_measure_knows_black_on_white() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("above", "ground"), TEXT)
def test_text_is_readable(scheme: str, above: str, ground: str) -> None:
    colours = SCHEMES[scheme]
    assert contrast(colours[above], colours[ground]) >= 4.5  # 1.4.3, AA


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("above", "ground"), SHAPES)
def test_what_has_the_focus_is_seen(scheme: str, above: str, ground: str) -> None:
    colours = SCHEMES[scheme]
    assert contrast(colours[above], colours[ground]) >= 3  # 1.4.11, AA


def test_dark_has_a_colour_of_its_own_for_every_one() -> None:
    assert set(DARK) == set(LIGHT)


def test_every_colour_is_one_of_these_but_for_the_qr_code() -> None:
    without = re.sub(r":root \{.*?\}|/\*.*?\*/|\.code \{.*?\}", "", CSS, flags=re.DOTALL)
    assert re.findall(r"#[0-9a-f]{3,8}\b|\brgba?\(|\bhsla?\(", without) == []
    assert set(re.findall(r"var\(--([\w-]+)\)", CSS)) <= {*LIGHT, "ring", "edge"}


def test_it_loads_nothing() -> None:
    assert re.findall(r"url\(|@import|@font-face|https?:", CSS) == []


def test_motion_is_only_for_those_who_did_not_ask_for_less() -> None:
    outside = re.sub(
        r"@media \(prefers-reduced-motion: no-preference\) \{.*?\n\}", "", CSS, flags=re.DOTALL
    )
    assert re.findall(r"animation|transition|scroll-behavior", outside) == []
