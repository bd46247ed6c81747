"""Python's ssl, with the flags that `create_default_context` sets from 3.13 on: PY-01 to PY-11.

A whole TLS handshake in memory, in this process, with the OpenSSL that this Python is linked to.
"""

from __future__ import annotations

import platform
import ssl
from typing import TYPE_CHECKING

from housekey.platforms.model import Platform
from tests.engines.asking import root_pem
from tests.engines.model import Answer
from tests.engines.servers import server_context

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.engines.model import Case

_MOST_ROUNDS = 20  # a handshake takes three


class Python:
    """Python's ssl as 3.13 sets it up."""

    platform = Platform.PYTHON

    def __init__(self) -> None:
        self.version = f"Python {platform.python_version()} with {ssl.OPENSSL_VERSION}"

    @staticmethod
    def missing() -> str | None:
        """Nothing: the tests run in it."""
        return None

    def ask(self, cases: Sequence[Case]) -> Mapping[str, Answer]:
        return {case.id: _ask(case) for case in cases}


def _ask(case: Case) -> Answer:
    try:
        server_side = server_context(case)
    except ssl.SSLError as error:
        return Answer(None, f"the test's server cannot present it: {error}")
    try:
        client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client_side.load_verify_locations(cadata=root_pem(case))
        client_side.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
        _handshake(client_side, server_side, str(case.question.name))
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        return Answer(False, str(error))
    return Answer(True, "")


def _handshake(client_side: ssl.SSLContext, server_side: ssl.SSLContext, name: str) -> None:
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_side.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    waiting = [client, server]
    for _ in range(_MOST_ROUNDS):
        for side in tuple(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                # The server's trouble counts when the client hears of it.
                if side is client:
                    raise
                waiting.remove(side)
        if client not in waiting:
            return
    raise ssl.SSLError("the handshake does not end")
