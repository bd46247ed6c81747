"""Firefox as an engine: what does it say of the page behind each case's chain?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms.model import Platform
from tests.browsers import firefox
from tests.engines import browser

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.engines.model import Answer, Case

missing = firefox.missing


class FirefoxEngine:
    """Firefox ESR, with the roots in its profile's NSS database as `C,,`."""

    platform = Platform.FIREFOX

    @property
    def version(self) -> str:
        """What Firefox calls itself."""
        return firefox.version()

    def ask(self, cases: Sequence[Case]) -> Mapping[str, Answer]:
        """Return the answer to each case; the words are NSS's or mozilla::pkix's."""
        return browser.ask(cases, start=firefox.Firefox, is_verdict=is_verdict)


def is_verdict(error: str) -> bool:
    """Whether the error is about the certificate, and not about the way to the server."""
    return error.startswith(("SEC_ERROR_", "SSL_ERROR_", "MOZILLA_PKIX_ERROR_"))
