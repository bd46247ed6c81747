"""The onboarding page for everybody: by keyboard, by screen reader, on a small screen."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browsers.chromium import Chromium
from tests.browsers.firefox import Firefox
from tests.browsers.guise import ANDROID, DESKTOP, IPHONE, WINDOWS, Guise
from tests.browsers.pages import Document, pages
from tests.browsers.waiting import soon

if TYPE_CHECKING:
    from tests.browsers.watching import Accessible
    from tests.sharing import Share

pytestmark = pytest.mark.engine
_STATE = "document.body.dataset.state"
_LOOKS = Path(__file__).with_name("looks.js").read_text()
_LANGUAGES = ("en-US", "de-DE")
# What has the keyboard: what it is called, whether one sees that, and whether it is in sight.
_FOCUSED = """(() => {
    const it = document.activeElement, box = it.getBoundingClientRect();
    const style = getComputedStyle(it);
    return it === document.body ? null : [
        it.innerText.trim().split("\\n")[0] || it.id, style.outlineStyle !== "none"
            && parseFloat(style.outlineWidth) >= 2, box.bottom > 0 && box.top < innerHeight
            && box.right > 0 && box.left < innerWidth,
    ];
})()"""
_CONTROLS = """[...document.querySelectorAll("a[href], button, summary")].filter(
    it => it.checkVisibility() && !it.disabled).map(it => it.innerText.trim().split("\\n")[0])"""


def focused(browser: Any) -> Any:
    return browser.evaluate(_FOCUSED)


def says(browser: Any, expression: str, value: str) -> bool:
    return bool(browser.evaluate(expression) == value)


def tab_to(browser: Any, name: str, *, back: bool = False) -> None:
    """Press Tab until `name` has the keyboard."""
    seen = []
    for _ in range(60):
        browser.press("Tab", shift=back)
        seen.append((focused(browser) or [""])[0])
        if seen[-1] == name:
            return
    raise AssertionError(f"{name} is not reached: {seen}")


@pytest.mark.parametrize("language", _LANGUAGES)
def test_the_tab_key_reaches_everything_in_its_order_and_one_sees_where_it_is(
    kind: Any, share: Share, language: str
) -> None:
    with kind() as browser:
        browser.wear(replace(DESKTOP, language=language))
        browser.navigate(share.url)
        controls = browser.evaluate(_CONTROLS)
        reached = []
        for _ in range(len(controls)):
            browser.press("Tab")
            # It scrolls there smoothly.
            soon(lambda: (focused(browser) or [None])[-1], seconds=2)
            reached.append(focused(browser))
    assert [it and it[0] for it in reached] == controls
    assert [it for it in reached if not it[1]] == []
    assert [it for it in reached if not it[2]] == []


def test_everything_is_done_with_a_keyboard(kind: Any, share: Share) -> None:
    """The jump over the head, the steps, another device's, another language, a download."""
    step = "[...document.querySelectorAll('.step')].find(it => it.checkVisibility())"
    count = f"{step}.querySelector('.count').innerText"
    with kind() as browser:
        browser.wear(WINDOWS)
        browser.navigate(share.url)
        browser.press("Tab")
        browser.press("Enter")
        assert soon(partial(says, browser, "location.hash", "#steps"))
        browser.press("Tab")
        assert browser.evaluate("!!document.activeElement.closest('.tabs')")
        steps = browser.evaluate("document.querySelectorAll('.steps > li').length")
        assert steps > 2
        for number in range(2, steps + 1):
            tab_to(browser, "Next")
            browser.press("Enter")
            assert soon(
                lambda number=number: browser.evaluate(count) == f"Step {number} of {steps}"
            )
            # The reader goes on where the step begins.
            assert browser.evaluate(f"{step}.contains(document.activeElement)")
        tab_to(browser, "Back")
        browser.press("Space")
        assert soon(partial(says, browser, count, f"Step {steps - 1} of {steps}"))
        tab_to(browser, "Show all steps")
        browser.press("Enter")
        shown = "[...document.querySelectorAll('.steps > li')].filter(it => it.checkVisibility())"
        assert soon(lambda: browser.evaluate(f"{shown}.length") == steps)
        tab_to(browser, "Android", back=True)
        browser.press("Enter")
        assert soon(lambda: "kind=android" in browser.evaluate("location.search"))
        assert soon(lambda: browser.evaluate("document.readyState") == "complete")
        tab_to(browser, "Deutsch", back=True)
        browser.press("Enter")
        assert soon(lambda: browser.evaluate("document.documentElement.lang") == "de")
        current = "document.querySelector('.tabs [aria-current]').innerText"
        assert browser.evaluate(current).startswith("Android")
        tab_to(browser, browser.evaluate("document.querySelector('.steps [data-root]').innerText"))
        browser.press("Enter")
        file = browser.downloads / "housekey.crt"
        assert soon(lambda: file.exists() and file.stat().st_size > 100)


def _headings(found: list[Accessible]) -> list[int]:
    return [it.level for it in found if it.level]


def _landmarks(found: list[Accessible]) -> list[tuple[str, str]]:
    its = {"banner", "main", "navigation", "contentinfo", "region", "status"}
    return [(it.role, it.name) for it in found if it.role in its]


@pytest.mark.parametrize("language", _LANGUAGES)
@pytest.mark.parametrize("trusts", [False, True], ids=["waiting", "trusted"])
def test_a_screen_reader_meets_names_headings_landmarks_and_a_voice(
    kind: Any, share: Share, root: bytes, language: str, trusts: bool
) -> None:
    with kind(roots=[root] if trusts else []) as browser:
        for guise in (IPHONE, WINDOWS, DESKTOP):
            browser.wear(replace(guise, language=language))
            browser.navigate(share.url)
            assert soon(partial(says, browser, _STATE, "trusted" if trusts else "waiting"))
            found = soon(browser.accessible)
            assert [it for it in found if it.focusable and not it.name] == []
            headings = _headings(found)
            assert headings.count(1) <= 1
            jumps = [pair for pair in pairwise(headings) if pair[1] > pair[0] + 1]
            assert jumps == [], headings
            roles = [role for role, _ in _landmarks(found)]
            assert roles.count("main") == 1
            assert {"banner", "navigation", "contentinfo", "status"} <= set(roles), roles
            names = [name for role, name in _landmarks(found) if role == "navigation"]
            assert len(set(names)) == len(names) > 1
            assert all(names)
            [voice] = [it for it in found if it.role == "status"]
            assert voice.live == "polite"
            pictures = {Chromium: "image", Firefox: "graphic"}[kind]
            assert [it for it in found if it.role in (pictures, "img") and not it.name] == []
            title = browser.evaluate("document.title")
            assert title
            assert browser.evaluate("document.documentElement.lang") == language[:2]


_SIZES = (
    replace(IPHONE, width=320, height=568),
    IPHONE,
    ANDROID,
    replace(WINDOWS, width=640, height=450),  # 1280 x 900, enlarged twice (WCAG 1.4.10)
    WINDOWS,
    DESKTOP,
)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_is_clear_and_whole_and_every_target_is_large(
    kind: Any, share: Share, dark: bool
) -> None:
    """Contrast of 4.5 to 1 (WCAG 1.4.3), targets of 44 pixels, nothing beyond the edge."""
    with kind() as browser:
        for guise in _SIZES:
            for language in _LANGUAGES:
                browser.wear(replace(guise, dark=dark, language=language))
                browser.navigate(share.url)
                browser.evaluate("document.getElementById('all').click()")
                browser.evaluate("document.querySelectorAll('details').forEach(it => it.open = 1)")
                assert measured(browser, guise) == {}, (guise, language)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_good_news_is_as_clear(kind: Any, share: Share, root: bytes, dark: bool) -> None:
    with kind(roots=[root]) as browser:
        for guise in _SIZES:
            browser.wear(replace(guise, dark=dark))
            browser.navigate(share.url)
            assert soon(lambda: browser.evaluate(_STATE) == "trusted")
            assert measured(browser, guise) == {}, guise
            browser.navigate(f"{share.proof}/trusted?nonce=x")
            assert measured(browser, guise) == {}, guise


def test_the_measure_sees_what_is_wrong(kind: Any) -> None:
    page = (
        b"<style>p { overflow: hidden; width: 9px; white-space: nowrap }</style>"
        b"<p style='color: #888'>faint, cut</p><button>small</button>"
        b"<h1 style='width: 9000px; text-align: right'>wide</h1>"
    )
    with pages({"/": Document(page)}) as server, kind() as browser:
        browser.wear(DESKTOP)
        browser.navigate(server.url)
        found = measured(browser, DESKTOP)
    assert set(found) == {"faint", "small", "wide", "cut", "outside"}
    assert found["cut"] == ["P faint, cut"]


def measured(browser: Any, guise: Guise) -> dict[str, Any]:
    """Return what is wrong with the page's looks."""
    looks: dict[str, Any] = browser.evaluate(_LOOKS)
    looks["wide"] = max(0, looks["wide"])
    return {what: found for what, found in looks.items() if found}
