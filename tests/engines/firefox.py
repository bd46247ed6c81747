"""Firefox as an engine: what does it say of the page behind each case's chain?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms.model import Platform
from tests.browsers import firefox
from tests.engines import browser

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.engines.model import Answer, Case


class FirefoxEngine:
    """Firefox ESR, with the roots in its profile's NSS database as `C,,`."""

    platform = Platform.FIREFOX

    @staticmethod
    def missing() -> str | None:
        """Say what this machine lacks for it, or None."""
        return firefox.missing()

    def __init__(self) -> None:
        self.version = firefox.version()

    def ask(self, cases: Sequence[Case]) -> Mapping[str, Answer]:
        """Return the answer to each case; the words are NSS's or mozilla::pkix's."""
        return browser.ask(cases, start=firefox.Firefox, is_verdict=is_verdict)


def is_verdict(error: str, *, hung_up: bool) -> bool:
    """Whether the error is about the certificate, and not about the way to the server.

    Where the issuing CA has the issuer and serial number of the root, NSS cannot even keep it,
    and Firefox says nothing but that, and shows no page (measured, 153).
    """
    said = error.startswith(("SEC_ERROR_", "SSL_ERROR_", "MOZILLA_PKIX_ERROR_"))
    return said or (hung_up and error == "NS_ERROR_FAILURE")
