"""Which steps lead which device to trust, and in which order. The words are in texts/.

A way is one road to trust, for one or several browsers of a kind of device. The one for the
visitor's browser comes first, one step at a time; the others lie folded below it.
"""

from __future__ import annotations

from dataclasses import dataclass

from housekey.onboarding.visitor import Browser, Kind, Visitor


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its texts are `steps.NAME.title` and `steps.NAME.text`."""

    name: str
    download: str | None = None  # the file of downloads.py that it begins with
    goes_home: bool = False  # ends with a link to Home Assistant
    # Where the device shows its own fingerprint: after which paragraph it is repeated here.
    fingerprint_after: int | None = None
    address: bool = False  # shows the page's address, to be opened elsewhere


@dataclass(frozen=True, slots=True)
class Way:
    """One road to trust: its texts are `ways.NAME.title` and `ways.NAME.missing`."""

    name: str
    steps: tuple[Step, ...]


_OPEN = Step("open", goes_home=True)
_IN_SAFARI = Step("in-safari", address=True)
_IN_BROWSER = Step("in-browser", address=True)

_IOS = Way(
    "ios",
    (
        Step("ios-download", download="housekey.mobileconfig"),
        Step("ios-install"),
        Step("ios-trust", fingerprint_after=1),
        Step("open-app", goes_home=True),
    ),
)
_MAC = Way(
    "mac",
    (
        Step("mac-download", download="housekey.cer"),
        Step("mac-add"),
        Step("mac-trust", fingerprint_after=1),
        _OPEN,
    ),
)
_ANDROID_STEPS = (
    Step("android-download", download="housekey.crt"),
    Step("android-settings"),
    Step("android-warning"),
    Step("android-compare", fingerprint_after=1),
)
_ANDROID = Way("android", (*_ANDROID_STEPS, Step("open-app", goes_home=True)))
_ANDROID_FIREFOX = Way(
    "android-firefox",
    (*_ANDROID_STEPS, Step("android-firefox-switch"), Step("open-app", goes_home=True)),
)
_WINDOWS = Way(
    "windows",
    (
        Step("windows-download", download="housekey.cer"),
        Step("windows-compare", fingerprint_after=3),
        Step("windows-install"),
        Step("windows-restart", goes_home=True),
    ),
)
_CHROME = Way(
    "chrome",
    (
        Step("chrome-download", download="housekey.crt"),
        Step("chrome-manager"),
        Step("chrome-import", fingerprint_after=1),
        _OPEN,
    ),
)
_CHROMEOS = Way("chromeos", _CHROME.steps)
_FIREFOX = Way(
    "firefox",
    (
        Step("firefox-download", download="housekey.crt"),
        Step("firefox-import"),
        Step("firefox-trust", fingerprint_after=1),
        _OPEN,
    ),
)
_FIREFOX_WITH_SYSTEM = Way("firefox-with-system", _FIREFOX.steps)
_LINUX = Way("linux", (Step("linux-download", download="housekey.pem"), Step("linux-system")))
_HOUSEKEY = Way("housekey", (Step("housekey-trust"),))
_OTHER = Way(
    "other",
    (
        Step("other-download", download="housekey.crt"),
        Step("other-find", fingerprint_after=1),
        Step("other-cannot"),
    ),
)

_WAYS = {
    Kind.IPHONE: (_IOS,),
    Kind.IPAD: (_IOS,),
    Kind.MAC: (_MAC, _FIREFOX_WITH_SYSTEM, _HOUSEKEY),
    Kind.ANDROID: (_ANDROID, _ANDROID_FIREFOX),
    Kind.WINDOWS: (_WINDOWS, _FIREFOX_WITH_SYSTEM),
    Kind.LINUX: (_CHROME, _FIREFOX, _LINUX, _HOUSEKEY),
    Kind.CHROMEOS: (_CHROMEOS,),
    Kind.OTHER: (_OTHER,),
}
_OF_FIREFOX = {_FIREFOX.name, _FIREFOX_WITH_SYSTEM.name, _ANDROID_FIREFOX.name}


def ways(shown: Kind, visitor: Visitor) -> tuple[Way, ...]:
    """Return the ways for a `shown` kind of device, the one for the visitor first."""
    own = visitor.kind is shown
    found = list(_WAYS[shown])
    if own and visitor.browser is Browser.FIREFOX:
        found.sort(key=lambda way: way.name not in _OF_FIREFOX)  # stable
    if own and (before := _first_elsewhere(visitor)):
        found[0] = Way(found[0].name, (before, *found[0].steps))
    return tuple(found)


def _first_elsewhere(visitor: Visitor) -> Step | None:
    """Return the step that leads to a browser where this can begin, if this one cannot."""
    if visitor.kind in (Kind.IPHONE, Kind.IPAD) and visitor.browser is not Browser.SAFARI:
        return _IN_SAFARI  # nothing else hands profiles to the settings (PLATFORMS.md 10.1)
    if visitor.kind is Kind.ANDROID and visitor.browser is Browser.HOME_ASSISTANT:
        return _IN_BROWSER  # the app does not save files from other places
    return None
