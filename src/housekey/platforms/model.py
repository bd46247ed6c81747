"""The words of a verdict: platform, rule, finding, verdict, and what is asked.

Facts only; `judge.py` answers, and one module for each platform holds its rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from housekey.pki.names import Name


class Platform(StrEnum):
    """A family of clients that decide alike; the value is what the command line takes."""

    APPLE = "apple"  # iOS, iPadOS, macOS: Safari, WKWebView, URLSession, every browser on iOS
    ANDROID = "android"  # apps that trust user CAs, as the Home Assistant app does
    CHROME = "chrome"  # Chrome, Edge and Chromium on Windows, macOS, Linux, ChromeOS
    CHROME_ANDROID = "chrome-android"
    FIREFOX = "firefox"
    WINDOWS = "windows"  # CryptoAPI and Schannel
    JAVA = "java"
    OPENSSL = "openssl"  # OpenSSL's defaults, as curl uses it
    PYTHON = "python"  # 3.13 and later: OpenSSL with VERIFY_X509_STRICT
    NODE = "node"
    GO = "go"
    GNUTLS = "gnutls"
    RUSTLS = "rustls"
    MBEDTLS = "mbedtls"  # ESP32

    @property
    def runs_here(self) -> bool:
        """Whether an engine of it runs on Linux, so that tests ask it; else it is from source."""
        return self not in _FROM_SOURCE


_FROM_SOURCE = frozenset(
    {Platform.APPLE, Platform.ANDROID, Platform.CHROME_ANDROID, Platform.WINDOWS}
)


class Severity(StrEnum):
    """What a finding means: rejected, worth mending, or good to know."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """Its place when the worst comes first."""
        return _WORST_FIRST.index(self)


_WORST_FIRST = tuple(Severity)


@dataclass(frozen=True, slots=True)
class Question:
    """Whether a client that trusts `root` accepts `chain` for `name` at a time."""

    chain: tuple[bytes, ...]  # DER, as the server sends it: leaf first
    root: bytes | None  # DER, what the device was told to trust; may be the leaf itself
    name: Name  # what the client connects to
    at: datetime  # aware UTC
    known_root: bool = False  # the device came with that root: a public CA's, with its own limits


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that spoke."""

    rule: str  # its id in the catalogue, such as APL-01
    severity: Severity
    message: str  # what is so here, with the value that it is about
    fix: str  # the next step
    source: str  # where the rule is known from


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Order findings by their severity; equal ones stay as they are."""
    return tuple(sorted(findings, key=lambda each: each.severity.rank))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one platform will do with one name."""

    platform: Platform
    name: Name
    accepts: bool | None  # None only where the sources themselves are not sure
    error: str  # what this platform would show; empty when it accepts
    findings: tuple[Finding, ...]
