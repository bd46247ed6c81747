"""The engines that run here, each with what it may lack."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.engines.gnutls import GnuTls
from tests.engines.go import Go
from tests.engines.java import Java
from tests.engines.mbedtls import MbedTls
from tests.engines.node import Node
from tests.engines.openssl import Curl
from tests.engines.python import Python
from tests.engines.rustls import Rustls

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engines.model import Engine


class Known(NamedTuple):
    """One engine: why it cannot be asked here, and how it is started."""

    missing: Callable[[], str | None]
    start: Callable[[], Engine]


LIBRARIES: dict[str, Known] = {
    each.platform.value: Known(each.missing, each)
    for each in (Curl, Python, Node, Java, Go, GnuTls, Rustls, MbedTls)
}
