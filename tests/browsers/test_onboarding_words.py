"""The menus that the steps name are called so, in the browsers that run here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from housekey.onboarding import texts
from tests.browsers.chromium import Chromium
from tests.browsers.firefox import Firefox
from tests.browsers.waiting import soon

pytestmark = pytest.mark.engine
_WORDS = Path(__file__).with_name("words.js").read_text()
_PAGES = {
    Chromium: ("chrome://certificate-manager/localcerts/usercerts",),
    Firefox: (
        "about:preferences#privacy",
        "about:preferences#connectionSecurity",
        "chrome://pippki/content/certManager.xhtml",
        "chrome://pippki/content/downloadcert.xhtml",
    ),
}
_STEPS = {
    Chromium: ("chrome-manager", "chrome-import"),
    Firefox: ("firefox-import", "firefox-trust"),
}
_FILES = re.compile(r"^housekey\.")
# What leads there is not a word of the page that it leads to.
_ABOVE = {"Settings", "OK", "View"}


def named(kind: Any) -> set[str]:
    """Return the menus that the English steps name for a browser."""
    words = texts.read("en")
    lines = [line for step in _STEPS[kind] for line in words.lines(f"steps.{step}.text")]
    found = {it for line in lines for it in re.findall(r"<b>(.*?)</b>", line)}
    return {it.lower() for it in found - _ABOVE if not _FILES.match(it)}


def test_every_menu_of_the_steps_is_there(kind: Any) -> None:
    wanted = named(kind)
    assert len(wanted) > 2
    with kind() as browser:
        missing = set(wanted)

        def looked() -> bool:
            there = {it.rstrip("….").lower() for it in browser.evaluate(_WORDS)}
            missing.difference_update(missing & there)
            return not missing

        for page in _PAGES[kind]:
            browser.navigate(page)
            soon(looked, seconds=3)
    assert missing == set()
