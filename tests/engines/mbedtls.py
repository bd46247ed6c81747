"""Mbed TLS, as python-mbedtls carries it: real handshakes, all of them by one process."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from housekey.platforms.model import Platform
from tests.engines.asking import PROGRAMS, ask_program, first_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.engines.model import Answer, Case

_COMMAND = (sys.executable, str(PROGRAMS / "mbedtls_client.py"))


class MbedTls:
    """Mbed TLS 2.28; an ESP32 has 3.x, which differs in IP addresses (MBD-02)."""

    platform = Platform.MBEDTLS

    def __init__(self) -> None:
        self.version = first_line(*_COMMAND)

    @staticmethod
    def missing() -> str | None:
        """Why Mbed TLS cannot be asked here."""
        return None if find_spec("mbedtls") else "python-mbedtls is not installed"

    def ask(self, cases: Sequence[Case]) -> Mapping[str, Answer]:
        return ask_program(_COMMAND, cases)
