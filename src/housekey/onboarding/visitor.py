"""Who comes to the page: a kind of device and a browser, read off the User-Agent header.

No more than these two words is ever kept of a device.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """A kind of device that is led by the same steps."""

    IPHONE = "iphone"
    IPAD = "ipad"
    MAC = "mac"
    ANDROID = "android"
    WINDOWS = "windows"
    LINUX = "linux"
    CHROMEOS = "chromeos"
    OTHER = "other"

    @property
    def label(self) -> str:
        """Return what it is called, in every language."""
        return _LABELS[self]


class Browser(Enum):
    """A browser, as far as the steps differ."""

    SAFARI = "safari"
    CHROME = "chrome"  # and Chromium
    EDGE = "edge"
    FIREFOX = "firefox"
    SAMSUNG = "samsung"
    HOME_ASSISTANT = "home-assistant"  # the companion app's own
    OTHER = "other"


_LABELS = {
    Kind.IPHONE: "iPhone",
    Kind.IPAD: "iPad",
    Kind.MAC: "Mac",
    Kind.ANDROID: "Android",
    Kind.WINDOWS: "Windows",
    Kind.LINUX: "Linux",
    Kind.CHROMEOS: "Chromebook",
    Kind.OTHER: "other device",
}


@dataclass(frozen=True, slots=True)
class Visitor:
    """One device, as far as it is known."""

    kind: Kind
    browser: Browser
