"""A certificate and its key for a server: judged, and loaded from memory.

What is judged and what is loaded are the same bytes: between two looks at a file it may have
been replaced by half of a pair.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from housekey.errors import PairRefused, PemUnreadable
from housekey.pki.encoding import certificates_from_pem, matches
from housekey.pki.keys import PrivateKey

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography import x509

    from housekey.live.tls import Trust
    from housekey.pki.names import Name
    from housekey.pki.secret import Secret


def judge_pair(
    chain_pem: bytes,
    key_pem: Secret,
    *,
    root: Trust,
    names: Sequence[Name],
    at: datetime,
) -> x509.Certificate:
    """Return the leaf of a pair that devices which trust `root` accept under all of `names`.

    `names` may be empty: then under each of its own. Raises PairRefused for one that is
    unreadable, locked or not a pair, and for one that some name, or the date, does not allow.
    """
    from housekey.live.tls import known_roots  # noqa: PLC0415 - as below
    from housekey.pki.verifying import verify  # noqa: PLC0415 - no start of a server needs it

    try:
        chain = certificates_from_pem(chain_pem)
        key = PrivateKey.from_pem(key_pem.reveal())
    except PemUnreadable as error:
        raise PairRefused(error.message) from error
    leaf = chain[0]
    if not matches(leaf, key):
        raise PairRefused("the key is not the one of the certificate")
    for answer in verify(chain, roots=known_roots(root), names=names, at=at):
        if answer.reason is not None:
            under = f"under {answer.name}: " if answer.name else ""
            raise PairRefused(f"devices would not accept it {under}{answer.reason}".rstrip())
    return leaf


def load_pair(context: ssl.SSLContext, chain_pem: bytes, key_pem: Secret) -> None:
    """Give `context` a pair that need not lie in a file. Raises OSError when it is none.

    That may be an ssl.SSLError, or say "Illegal seek": Python then tells of the pipe (measured).

    A context that already has a pair must not be given another one here: a pair that fails
    leaves it without any, and one of another kind of key leaves it with both (measured,
    OpenSSL 3.0 and 3.6).

    Python takes a pair by the names of files alone. So each half comes through a pipe, whose
    reading end has a name in /dev/fd on Linux and macOS: nothing of it can reach a disk, and
    nobody else can open it. Blocking; Home Assistant warns of it in its event loop.
    """
    with _Piped(chain_pem) as chain, _Piped(key_pem.reveal()) as key:
        # A passphrase must never be asked for on a terminal.
        context.load_cert_chain(chain, key, password="")


class _Piped:
    """Bytes under the name of a pipe's reading end, to be read once from front to end."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __enter__(self) -> str:
        self._reading, self._writing = os.pipe()
        # A pipe may hold as little as a page (pipe(7)); so somebody writes while OpenSSL reads.
        self._thread = threading.Thread(target=self._feed, name="pair", daemon=True)
        self._thread.start()
        return f"/dev/fd/{self._reading}"

    def __exit__(self, *_: object) -> None:
        os.close(self._reading)  # one who still writes ends with EPIPE
        self._thread.join()

    def _feed(self) -> None:
        rest = memoryview(self._content)
        try:
            while rest:
                rest = rest[os.write(self._writing, rest) :]
        except OSError:
            pass  # nobody reads on: OpenSSL says why
        finally:
            os.close(self._writing)
