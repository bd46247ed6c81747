"""How an ACME CA is reached: whom to trust, how long to wait, and how often a nonce is tried.

Certbot's library does the rest; this is what it leaves to its caller. Importing this is slow: it is
done where an order is made.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import requests
from acme import messages
from acme.client import ClientNetwork
from josepy.jwa import ES256, ES384, RS256
from josepy.jwk import JWKEC, JWKRSA
from requests.adapters import HTTPAdapter

from housekey import __version__

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from josepy.jwa import JWASignature
    from josepy.jwk import JWK

    from housekey.pki.keys import PrivateKey

NONCE_TRIES = 10  # of two each
_MOST_BYTES = 1 << 20
_PART = 64  # bytes: between two of them the time is looked at


class Network(ClientNetwork):
    """The library's, with our trust, and a nonce that is refused tried more than twice.

    Servers that keep nonces in memory refuse all of them after a restart.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        key: PrivateKey | None,
        account: str | None,
        seconds: float,
    ) -> None:
        registered = (
            messages.RegistrationResource(body=messages.Registration(), uri=account)
            if account is not None
            else None
        )
        jwk, algorithm = jwk_of(key) if key is not None else (None, ES256)
        super().__init__(
            jwk,
            account=registered,
            alg=algorithm,
            user_agent=f"housekey/{__version__} (acme-python)",
            timeout=math.ceil(seconds),
        )
        self.seconds = seconds
        self.heard: requests.Response | None = None  # the last answer, whatever it was
        self.session.adapters.clear()  # a redirection must not lead out of TLS
        self.session.mount("https://", _Trusting(context, seconds, self._hear))

    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        for _ in range(NONCE_TRIES - 1):
            try:
                return super().post(*args, **kwargs)
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
        return super().post(*args, **kwargs)

    def _hear(self, response: requests.Response | None) -> None:
        self.heard = response


class _Trusting(HTTPAdapter):
    """Trusts what `context` trusts and nothing else; reads no more and no longer than allowed."""

    def __init__(
        self,
        context: ssl.SSLContext,
        seconds: float,
        hear: Callable[[requests.Response | None], None],
    ) -> None:
        self._context = context
        self._seconds = seconds
        self._hear = hear
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Add no roots of its own (certifi's)."""

    def send(  # noqa: PLR0917 - as requests has it
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002, FBT001, FBT002
        timeout: Any = None,
        verify: Any = True,  # noqa: ARG002, FBT002
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        self._hear(None)
        end = time.monotonic() + self._seconds
        response = super().send(
            request, stream=True, timeout=timeout, verify=True, cert=cert, proxies=proxies
        )
        content = bytearray()
        for part in response.iter_content(_PART):
            content += part
            if len(content) > _MOST_BYTES or time.monotonic() > end:
                response.close()
                raise requests.exceptions.ReadTimeout("the answer does not end", request=request)
        response._content = bytes(content)  # noqa: SLF001 - requests has no other way to hand it on
        self._hear(response)
        return response


def jwk_of(key: PrivateKey) -> tuple[JWK, JWASignature]:
    """Return an account's key as the library takes it, and how it signs (RFC 7518, 3.1)."""
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 - rarely so

    signing = key.signing_key
    if isinstance(signing, rsa.RSAPrivateKey):
        return JWKRSA(key=signing), RS256
    algorithm = ES384 if signing.curve.key_size == 384 else ES256
    return JWKEC(key=signing), algorithm
