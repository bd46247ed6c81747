"""Chromium as an engine: what does it say of the page behind each case's chain?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms.model import Platform
from tests.browsers import chromium
from tests.engines import browser

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.engines.model import Answer, Case


class ChromiumEngine:
    """Chromium on Linux, with the roots in an NSS database as `C,,`."""

    platform = Platform.CHROME

    @staticmethod
    def missing() -> str | None:
        """Say what this machine lacks for it, or None."""
        return chromium.missing()

    def __init__(self) -> None:
        self.version = chromium.version()

    def ask(self, cases: Sequence[Case]) -> Mapping[str, Answer]:
        """Return the answer to each case; the words are of net/base/net_error_list.h."""
        return browser.ask(cases, start=chromium.Chromium, is_verdict=is_verdict)


def is_verdict(error: str, *, hung_up: bool) -> bool:
    """Whether the error is about the certificate, and not about the way to the server."""
    return error.startswith(("ERR_CERT_", "ERR_SSL_"))
