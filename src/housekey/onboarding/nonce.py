"""Nonces: what ties the proof of trust to the device that opened the page, good for one time.

The page process gives them out and keeps none. The proof process knows a nonce by its signature,
made with a secret that both got at their start, and remembers only those that were used. What the
page knew of the device travels inside: nobody can change it, and nothing in it is worth hiding.

Times are seconds of one clock that both processes share and that never goes back
(CLOCK_MONOTONIC counts from the machine's start, for every process alike: clock_gettime(2)).
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
import struct
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from housekey.onboarding.visitor import Browser, Kind, Visitor

if TYPE_CHECKING:
    from housekey.pki.secret import Secret

LIFE_SECONDS = 600
MOST_USED = 65_536  # that are remembered; some 10 MB
SECRET_BYTES = 32

_KINDS = tuple(Kind)
_BROWSERS = tuple(Browser)
_ID_BYTES = 16
# id, issued at (milliseconds), device, kind, browser, again
_BODY = struct.Struct(f">{_ID_BYTES}sQIBB?")
_SIGNATURE_BYTES = 32
NONCE_LENGTH = 84  # 63 bytes in base64: no padding
_NONCE = re.compile(f"[A-Za-z0-9_-]{{{NONCE_LENGTH}}}", re.ASCII)
_PURPOSE = b"housekey onboarding nonce 1\0"  # so that the secret signs nothing else by accident


@dataclass(frozen=True, slots=True)
class Facts:
    """What the page knew of a device when it gave out the nonce."""

    device: int
    visitor: Visitor
    again: bool = False  # it says that it had proved its trust before


class Refusal(Enum):
    """Why a nonce is not accepted; the page asks for a fresh one."""

    USED = "used"
    OLD = "old"
    UNKNOWN = "unknown"  # not one of ours, or damaged
    FULL = "full"  # as many were used as can be remembered; it may be tried again later


class Issuer:
    """Gives out nonces."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def issue(self, facts: Facts, *, now: float) -> str:
        """Return a fresh nonce of `NONCE_LENGTH` letters that need no escaping anywhere."""
        body = _BODY.pack(
            secrets.token_bytes(_ID_BYTES),
            int(now * 1000),
            facts.device,
            _KINDS.index(facts.visitor.kind),
            _BROWSERS.index(facts.visitor.browser),
            facts.again,
        )
        return base64.urlsafe_b64encode(body + _sign(self._secret, body)).decode()


class Acceptor:
    """Accepts each nonce once within its life."""

    def __init__(
        self, secret: Secret, *, life: float = LIFE_SECONDS, most_used: int = MOST_USED
    ) -> None:
        self._secret = secret
        self._life = life
        self._most_used = most_used
        self._used: dict[bytes, float] = {}  # id -> when it was used; the oldest use first

    def accept(self, nonce: str, *, now: float) -> Facts | Refusal:
        """Return what `nonce` carries, and never again; or why it is refused."""
        body = self._verified(nonce)
        if body is None:
            return Refusal.UNKNOWN
        identity, issued, device, kind, browser, again = _BODY.unpack(body)
        if now - issued / 1000 > self._life:
            return Refusal.OLD
        self._forget(now)
        if identity in self._used:
            return Refusal.USED
        if len(self._used) >= self._most_used:
            return Refusal.FULL  # to forget one within its life would be to accept it twice
        self._used[identity] = now
        return Facts(device, Visitor(_KINDS[kind], _BROWSERS[browser]), again)

    def _verified(self, nonce: str) -> bytes | None:
        if _NONCE.fullmatch(nonce) is None:
            return None
        decoded = base64.urlsafe_b64decode(nonce)
        body, signature = decoded[: _BODY.size], decoded[_BODY.size :]
        return body if hmac.compare_digest(signature, _sign(self._secret, body)) else None

    def _forget(self, now: float) -> None:
        """Drop what is past its life: it was issued before it was used."""
        while self._used:
            oldest = next(iter(self._used))
            if now - self._used[oldest] <= self._life:
                return
            del self._used[oldest]


def _sign(secret: Secret, body: bytes) -> bytes:
    return hmac.digest(secret.reveal(), _PURPOSE + body, "sha256")
