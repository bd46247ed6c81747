"""What a client of this house trusts: the root, and no other; and one that only looks.

One place for it, because the proof of a switch and every later call to Home Assistant
must decide alike. And a server's side, whose key lies in no file.
"""

from __future__ import annotations

import ssl
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from cryptography import x509

    from housekey.pki.secret import Secret

# Whom a client trusts: one root, or several; none is `PUBLIC_ROOTS`.
Trust: TypeAlias = "x509.Certificate | tuple[x509.Certificate, ...]"
PUBLIC_ROOTS: Final[tuple[x509.Certificate, ...]] = ()  # those that this machine came with


@dataclass(frozen=True, slots=True)
class Called:
    """A trust for a server that is called otherwise than the address at which it is met.

    The certificate of a public name has no addresses in it, and Home Assistant is found at one.
    """

    trust: Trust
    name: str


class _AskingFor(ssl.SSLContext):
    """Asks for one name, and compares it, whatever address is connected to."""

    called: str

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - as ssl has it
        server_hostname: str | bytes | None = None,  # noqa: ARG002 - the address
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return super().wrap_bio(incoming, outgoing, server_side, self.called, session)


def context_trusting(trust: Trust | Called) -> ssl.SSLContext:
    """Return a client context that trusts `trust` alone and checks the name.

    As strict as Python 3.13 is by default (PLATFORMS.md, ten facts, no. 6: `VERIFY_X509_STRICT`),
    on every Python, so that what is proven here holds there too. But for a root that strict
    clients refuse by itself: who was told of it and goes on all the same has no such clients.
    """
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    roots = roots_in(trust.trust if isinstance(trust, Called) else trust)
    encoded = b"".join(root.public_bytes(Encoding.DER) for root in roots)
    if isinstance(trust, Called):
        context: ssl.SSLContext = _asking_for(trust.name)
    elif encoded:
        # Given `cadata`, Python does not load the system's roots beside it.
        context = ssl.create_default_context(cadata=encoded)
    else:
        context = ssl.create_default_context()
    if isinstance(trust, Called) and encoded:
        context.load_verify_locations(cadata=encoded)
    elif isinstance(trust, Called):
        context.load_default_certs()
    if encoded:
        from housekey.pki.strict import all_strict  # noqa: PLC0415 - these are read already

        if not all_strict(roots):
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            return context
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def _asking_for(name: str) -> ssl.SSLContext:
    context = _AskingFor(ssl.PROTOCOL_TLS_CLIENT)  # which checks chain and name
    context.called = name
    return context


def roots_in(trust: Trust) -> tuple[x509.Certificate, ...]:
    """Return the roots that are named; none for `PUBLIC_ROOTS`."""
    return trust if isinstance(trust, tuple) else (trust,)


def known_roots(trust: Trust) -> tuple[x509.Certificate, ...]:
    """Return the certificates themselves, also of `PUBLIC_ROOTS`; blocks while it reads them.

    Of a machine that keeps its roots as one folder of files, without one file, none are known.
    """
    from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415 - clients go without

    if named := roots_in(trust):
        return named
    encoded = ssl.create_default_context().get_ca_certs(binary_form=True)
    with warnings.catch_warnings():
        # Some roots have serials that are not positive; what an old root is like is not news.
        warnings.simplefilter("ignore")
        return tuple(load_der_x509_certificate(each) for each in encoded)


def each_trust(trusts: Iterable[Trust | Called]) -> tuple[Trust | Called, ...]:
    """Return each once, in their order."""
    return tuple(dict.fromkeys(trusts))


def context_trusting_anyone() -> ssl.SSLContext:
    """Return a client context that looks but does not judge: for probes that send no secret."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def context_for_looking(only: ssl.TLSVersion | None = None) -> ssl.SSLContext | None:
    """Return a client context that speaks as much as this OpenSSL can, to see what is presented.

    Weak keys, old hashes and old versions of TLS included: a server that has nothing better is
    to be told about, not to be missed. `only` leaves one version; None where it is not built in.
    No root is loaded, which takes longer than a handshake.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # OpenSSL 3 allows TLS 1.0 and 1.1, SHA-1 and short keys on this level alone
    # (SSL_CTX_set_security_level(3)).
    context.set_ciphers("ALL:!aNULL:@SECLEVEL=0")
    try:
        with warnings.catch_warnings():
            # Python warns of TLS 1.0 and 1.1, which are exactly what is asked about here.
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = only or ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = only or ssl.TLSVersion.MAXIMUM_SUPPORTED
    except ValueError:  # "Unsupported protocol version"
        return None
    return context


def server_context(chain_pem: bytes, key_pem: Secret) -> ssl.SSLContext:
    """Return the server's side of TLS, from a pair that never lies in a file.

    Raises OSError, of which ssl.SSLError is one, when the two do not belong together.
    """
    from housekey.live.pair import load_pair  # noqa: PLC0415 - clients go without

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslsocket_class = AcceptedSocket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_pair(context, chain_pem, key_pem)
    return context


class AcceptedSocket(ssl.SSLSocket):
    """A server's side of a connection, as `SSLContext.sslsocket_class`: closed when it fails.

    A client that resets the connection before the handshake has begun makes `wrap_socket` raise
    what its first read raised, and leave its socket open (measured on CPython 3.11.7). A browser
    that refuses a certificate, and at once tries again, does that.
    """

    def recv(self, *arguments: Any) -> bytes:
        """Read as every socket does; one that its client has reset is closed."""
        try:
            return super().recv(*arguments)
        except ConnectionError:
            self.close()
            raise
