"""Pictures of the onboarding page, to be looked at: `.cache/screenshots` after the tests.

That a page is well made, no test can say; these only hold that each picture shows the state that
it is named after.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browsers.guise import ANDROID, DESKTOP, IPHONE, MAC, WINDOWS, Guise
from tests.browsers.waiting import soon
from tests.sharing import Share

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.engine
FOLDER = Path(__file__).parents[2] / ".cache/screenshots"
_STATE = "document.body.dataset.state"
_NAMED = {"iphone": IPHONE, "android": ANDROID, "windows": WINDOWS, "linux": DESKTOP}
_CARD = Guise(width=560, height=398, scale=2)  # 148 x 105 mm


def guises() -> Iterator[tuple[str, Guise]]:
    """Yield each device by day and by night, in each language."""
    for name, guise in _NAMED.items():
        for dark in (False, True):
            for language in ("en-US", "de-DE"):
                its = replace(guise, dark=dark, language=language)
                yield f"{name}-{language[:2]}-{'dark' if dark else 'light'}", its


def kept(browser: Any, name: str, *, whole: bool = False) -> None:
    """Keep a picture, and tell where it lies."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"{type(browser).__name__.lower()}-{name}.png"
    file.write_bytes(browser.screenshot(whole=whole))
    assert file.stat().st_size > 5_000, "a page of one colour"
    print(file)  # noqa: T201 - pytest -s shows it


def is_in(browser: Any, state: str) -> bool:
    return bool(browser.evaluate(_STATE) == state)


def test_pictures_of_a_device_that_does_not_trust_yet(kind: Any, share: Share) -> None:
    with kind() as browser:
        for name, guise in guises():
            browser.wear(guise)
            browser.navigate(share.url)
            assert soon(partial(is_in, browser, "waiting"))
            kept(browser, f"{name}-waiting")
            if guise.language == "de-DE" or guise.dark:
                browser.evaluate("document.getElementById('all').click()")
                kept(browser, f"{name}-steps", whole=True)
        browser.wear(replace(IPHONE, script=False))
        browser.navigate(share.url)
        kept(browser, "iphone-en-light-no-script", whole=True)
        for steps in ("mac", "windows", "android", "chromeos", "other"):
            browser.wear(replace(MAC, script=False))
            browser.navigate(f"{share.url}?kind={steps}")
            browser.evaluate("[...document.querySelectorAll('details')].map(it => it.open = 1)")
            kept(browser, f"steps-{steps}-en-light-no-script", whole=True)


def test_pictures_of_a_device_that_trusts_the_house(kind: Any, share: Share, root: bytes) -> None:
    with kind(roots=[root]) as browser:
        for name, guise in guises():
            browser.wear(guise)
            browser.navigate(share.url)
            assert soon(partial(is_in, browser, "trusted"))
            kept(browser, f"{name}-trusted")
        browser.navigate(f"{share.proof}/trusted?nonce=x")
        kept(browser, "linux-de-dark-trusted-by-the-link")


def test_a_picture_of_a_page_that_has_ended(kind: Any, house: Path) -> None:
    with Share(house) as share, kind() as browser:
        browser.wear(IPHONE)
        browser.navigate(share.url)
        assert soon(partial(is_in, browser, "waiting"))
        share.end()
        assert soon(partial(is_in, browser, "ended"), seconds=90)
        status = "document.getElementById('status')"
        browser.evaluate(f"{status}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        kept(browser, "iphone-en-light-ended")


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_picture_of_the_card(
    kind: Any, house: Path, tmp_path: Path, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = tmp_path / "card.svg"
    monkeypatch.setenv("LC_ALL", f"{language}_XX.UTF-8")
    with Share(house, "--card", str(card)), kind() as browser:
        browser.wear(_CARD)
        assert browser.navigate(card.as_uri()) == ""
        texts = """[...document.querySelectorAll('text')].map(it => it.getBBox()).map(
            box => [box.x, box.y, box.x + box.width, box.y + box.height])"""
        for left, top, right, bottom in browser.evaluate(texts):
            assert 6 <= left < right <= 142  # millimetres, within the frame
            assert 4 <= top < bottom <= 101
        kept(browser, f"card-{language}")
