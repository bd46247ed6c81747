"""Which kind of device, and which browser, from what it calls itself.

A User-Agent header is a claim, never a fact: it only chooses which steps are shown first. iPadOS
claims to be a Mac; the page's script corrects that, because only a script can tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from housekey.onboarding.visitor import Browser, Kind, Visitor

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")

_MOST = 1024  # characters that are looked at; what browsers send is below 300

# The first that is in it counts, so what others claim in passing stands below what they are.
_KINDS = (
    # Televisions and consoles, which claim Linux, Windows or Android beside their own name.
    (Kind.OTHER, ("smart-tv", "smarttv", "tizen", "web0s", "xbox", "playstation", "crkey")),
    (Kind.OTHER, ("windows phone", "kaios", "nintendo")),
    (Kind.IPHONE, ("iphone", "ipod")),  # these end with "like Mac OS X"
    (Kind.IPAD, ("ipad",)),
    (Kind.ANDROID, ("android",)),  # says Linux, too
    (Kind.CHROMEOS, ("; cros ",)),  # says X11, too
    (Kind.WINDOWS, ("windows",)),
    (Kind.MAC, ("macintosh", "mac os x", "macos")),
    (Kind.LINUX, ("linux", "x11")),
    # The Home Assistant app's own requests (HAAPI.swift): "Home Assistant/… (…; iOS 18.1.0)".
    (Kind.IPHONE, ("; ios ",)),
    (Kind.IPAD, ("; ipados ",)),
)

# An iPad that asks for desktop pages calls itself a Mac, but these do not exist for Macs.
_ONLY_ON_IOS = ("crios/", "fxios/", "edgios/")

_BROWSERS = (
    (Browser.HOME_ASSISTANT, ("home assistant/", "homeassistant/")),
    (Browser.FIREFOX, ("firefox/", "fxios/")),
    (Browser.SAMSUNG, ("samsungbrowser/",)),
    (Browser.EDGE, ("edg/", "edga/", "edgios/")),
    # Built on Chromium, with menus of their own; and what other apps show pages in.
    (Browser.OTHER, ("opr/", "vivaldi/", "yabrowser/", "duckduckgo/", "; wv)", "gsa/", "fbav/")),
    (Browser.CHROME, ("chrome/", "chromium/", "crios/")),
    (Browser.SAFARI, ("version/",)),  # only Safari itself says both, see below
)


def recognise(user_agent: str) -> Visitor:
    """Return what `user_agent` claims to be; anything may stand in it. Never raises."""
    claimed = user_agent[:_MOST].lower()
    kind = _first(_KINDS, claimed) or Kind.OTHER
    if kind is Kind.MAC and any(mark in claimed for mark in _ONLY_ON_IOS):
        kind = Kind.IPAD
    browser = _first(_BROWSERS, claimed) or Browser.OTHER
    if browser is Browser.SAFARI and "safari/" not in claimed:
        browser = Browser.OTHER
    return Visitor(kind, browser)


def _first(rules: Iterable[tuple[T, tuple[str, ...]]], claimed: str) -> T | None:
    return next((it for it, marks in rules if any(mark in claimed for mark in marks)), None)
