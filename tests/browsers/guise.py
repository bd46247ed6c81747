"""What a browser seems to be: a phone with a dark screen, say, whose owner speaks German."""

from __future__ import annotations

from dataclasses import dataclass, replace

# As these browsers name themselves in November 2026; what the page makes of such lines is
# `tests/onboarding`'s to say.
_APPLE = "Mozilla/5.0 ({}) AppleWebKit/605.1.15 (KHTML, like Gecko) "
_CHROME = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 "
SAFARI_ON_IPHONE = (
    _APPLE.format("iPhone; CPU iPhone OS 18_7 like Mac OS X")
    + "Version/26.1 Mobile/15E148 Safari/604.1"
)
CHROME_ON_ANDROID = _CHROME.format("Linux; Android 10; K") + "Mobile Safari/537.36"
CHROME_ON_WINDOWS = _CHROME.format("Windows NT 10.0; Win64; x64") + "Safari/537.36"
SAFARI_ON_MAC = _APPLE.format("Macintosh; Intel Mac OS X 10_15_7") + "Version/26.1 Safari/605.1.15"


@dataclass(frozen=True, slots=True)
class Guise:
    """The screen, and what the browser says of itself and of its owner."""

    width: int = 1280  # of the page's window, in CSS pixels
    height: int = 900
    scale: int = 1  # pixels of the screen for one of CSS
    touch: bool = False
    dark: bool = False
    language: str = "en-US"
    user_agent: str = ""  # empty: its own
    script: bool = True  # whether it runs JavaScript


DESKTOP = Guise()
PHONE = Guise(width=390, height=844, scale=2, touch=True)
IPHONE = replace(PHONE, user_agent=SAFARI_ON_IPHONE)
ANDROID = replace(PHONE, user_agent=CHROME_ON_ANDROID)
WINDOWS = replace(DESKTOP, user_agent=CHROME_ON_WINDOWS)
MAC = replace(DESKTOP, user_agent=SAFARI_ON_MAC)
