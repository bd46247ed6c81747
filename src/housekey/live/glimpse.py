"""Which certificate several servers present now: all at once, and not waited for too long.

Nobody is trusted and nothing is sent. It is for a glance at what a server has loaded, which the
caller compares with what it should be. Threads, because a look-up of a name cannot be called off:
those that still wait at the end are left behind, and end with the program.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SECONDS = 2.0  # for all of them together


class Seen(Enum):
    """What was met at a port."""

    CERTIFICATE = "certificate"
    PLAIN = "plain"  # something answers, and speaks no TLS
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Glimpse:
    """One server, as it presents itself now."""

    seen: Seen
    leaf: bytes = b""  # DER
    reason: str = ""  # for people: why there is none

    @property
    def answers(self) -> bool:
        """Whether there is anything."""
        return self.seen is not Seen.NOTHING

    @property
    def sha256(self) -> str:
        """The fingerprint of the certificate."""
        return hashlib.sha256(self.leaf).hexdigest()


_TOO_SLOW = Glimpse(Seen.NOTHING, reason="no answer in time")


def glimpse(
    places: Iterable[tuple[str, int]], *, seconds: float = SECONDS
) -> Mapping[tuple[str, int], Glimpse]:
    """Look at each host and port once; a server that is slower than `seconds` is not there."""
    found: dict[tuple[str, int], Glimpse] = {}
    end = time.monotonic() + seconds

    def look(place: tuple[str, int]) -> None:
        found[place] = _look(*place, end=end)

    wanted = tuple(dict.fromkeys(places))
    threads = [threading.Thread(target=look, args=(each,), daemon=True) for each in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(end - time.monotonic(), 0))
    return {place: found.get(place, _TOO_SLOW) for place in wanted}


def _look(host: str, port: int, *, end: float) -> Glimpse:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), timeout=_left(end)) as plain,
            context.wrap_socket(plain, server_hostname=_sni(host)) as secure,
        ):
            return Glimpse(Seen.CERTIFICATE, secure.getpeercert(binary_form=True) or b"")
    except TimeoutError:
        return _TOO_SLOW
    except ssl.SSLError as error:
        return Glimpse(Seen.PLAIN, reason=f"no TLS: {error.reason or error}")
    except ConnectionResetError:
        return Glimpse(Seen.PLAIN, reason="it closes the connection")
    except (OSError, UnicodeError) as error:
        return Glimpse(Seen.NOTHING, reason=getattr(error, "strerror", None) or str(error))


def _left(end: float) -> float:
    return max(end - time.monotonic(), 0.01)


def _sni(host: str) -> str | None:
    """Return the name to ask for; addresses are not asked for by SNI (RFC 6066, section 3)."""
    try:
        ip_address(host)
    except ValueError:
        return host
    return None
