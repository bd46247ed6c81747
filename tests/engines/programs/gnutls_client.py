"""Ask GnuTLS for every line of standard input: id, URL, roots in base64; see ../asking.py.

The library's own functions, called as a C program would call them (GnuTLS manual, "Simple client
example with X.509 certificate support"): the default priorities, and the session verifies the
peer by itself, against the name and as a TLS server, as gnutls-cli and GLib do; without a purpose
(wget) no extended key usage would be looked at. A program of its own, because it must bear a
crash.
"""

from __future__ import annotations

import base64
import ctypes as c
import ipaddress
import socket
import ssl
import sys
from urllib.parse import urlsplit

# Constants of gnutls.h.
_CLIENT, _CREDENTIALS, _DNS, _X509, _PEM = 2, 1, 1, 1, 1
_HOSTNAME, _PURPOSE, _SERVER = 1, 2, b"1.3.6.1.5.5.7.3.1"
_SECONDS = 15


class _Datum(c.Structure):
    _fields_ = (("data", c.c_char_p), ("size", c.c_uint))


class _TypedData(c.Structure):
    _fields_ = (("type", c.c_int), ("data", c.c_char_p), ("size", c.c_uint))


def _library() -> c.CDLL:
    library = c.CDLL("libgnutls.so.30")
    library.gnutls_check_version.restype = c.c_char_p
    library.gnutls_check_version.argtypes = [c.c_char_p]
    library.gnutls_strerror.restype = c.c_char_p
    library.gnutls_session_get_verify_cert_status.argtypes = [c.c_void_p]
    library.gnutls_handshake.argtypes = [c.c_void_p]
    library.gnutls_deinit.argtypes = [c.c_void_p]
    library.gnutls_certificate_free_credentials.argtypes = [c.c_void_p]
    library.gnutls_set_default_priority.argtypes = [c.c_void_p]
    library.gnutls_credentials_set.argtypes = [c.c_void_p, c.c_int, c.c_void_p]
    library.gnutls_session_set_verify_cert2.argtypes = [
        c.c_void_p, c.POINTER(_TypedData), c.c_uint, c.c_uint,
    ]  # fmt: skip
    library.gnutls_server_name_set.argtypes = [c.c_void_p, c.c_int, c.c_char_p, c.c_size_t]
    library.gnutls_transport_set_int2.argtypes = [c.c_void_p, c.c_int, c.c_int]
    library.gnutls_handshake_set_timeout.argtypes = [c.c_void_p, c.c_uint]
    library.gnutls_certificate_set_x509_trust_mem.argtypes = [
        c.c_void_p, c.POINTER(_Datum), c.c_int,
    ]  # fmt: skip
    return library


def main() -> None:
    """Answer line by line; without a port, print the version."""
    gnutls = _library()
    if len(sys.argv) < 2:
        sys.stdout.write(f"GnuTLS {gnutls.gnutls_check_version(None).decode()}\n")
        return
    for line in sys.stdin:
        id_, url, roots = line.rstrip("\n").split("\t")
        refusal = _ask(gnutls, url, roots.split(","), int(sys.argv[1]))
        answer = f"no\t{' '.join(refusal.split())}" if refusal else "yes\t"
        sys.stdout.write(f"{id_}\t{answer}\n")
        sys.stdout.flush()


def _ask(gnutls: c.CDLL, url: str, roots: list[str], proxy: int) -> str:
    """What GnuTLS refuses with; empty when it accepts."""
    credentials, session = c.c_void_p(), c.c_void_p()
    gnutls.gnutls_certificate_allocate_credentials(c.byref(credentials))
    gnutls.gnutls_init(c.byref(session), _CLIENT)
    try:
        ders = map(base64.b64decode, roots)
        pem = "".join(map(ssl.DER_cert_to_PEM_cert, ders)).encode()
        read = gnutls.gnutls_certificate_set_x509_trust_mem(
            credentials, c.byref(_Datum(pem, len(pem))), _PEM
        )
        if read < 1:
            return f"the root cannot be read: {gnutls.gnutls_strerror(read).decode()}"
        return _handshake(gnutls, session, credentials, url, proxy)
    finally:
        gnutls.gnutls_deinit(session)
        gnutls.gnutls_certificate_free_credentials(credentials)


def _handshake(
    gnutls: c.CDLL, session: c.c_void_p, credentials: c.c_void_p, url: str, proxy: int
) -> str:
    # Not urlsplit's hostname, which puts it in lower case.
    host = urlsplit(url).netloc.rpartition(":")[0].strip("[]").encode()
    gnutls.gnutls_set_default_priority(session)
    gnutls.gnutls_credentials_set(session, _CREDENTIALS, credentials)
    # GnuTLS keeps the pointer, so this must live as long as the handshake.
    expected = (_TypedData * 2)(_TypedData(_HOSTNAME, host, 0), _TypedData(_PURPOSE, _SERVER, 0))
    gnutls.gnutls_session_set_verify_cert2(session, expected, 2, 0)
    if not _is_address(host.decode()):
        gnutls.gnutls_server_name_set(session, _DNS, host, len(host))
    with socket.create_connection(("127.0.0.1", proxy), timeout=_SECONDS) as connection:
        connection.sendall(f"CONNECT case:{urlsplit(url).port} HTTP/1.1\r\n\r\n".encode())
        connection.recv(4096)
        # GnuTLS wants a descriptor that blocks, and keeps the time itself.
        connection.setblocking(True)
        gnutls.gnutls_handshake_set_timeout(session, _SECONDS * 1000)
        gnutls.gnutls_transport_set_int2(session, connection.fileno(), connection.fileno())
        result = gnutls.gnutls_handshake(session)
        if result >= 0:
            return ""
        return f"{gnutls.gnutls_strerror(result).decode()} {_status(gnutls, session)}"


def _status(gnutls: c.CDLL, session: c.c_void_p) -> str:
    """Why the certificate was refused, in GnuTLS's words; empty if it never came to that."""
    status = gnutls.gnutls_session_get_verify_cert_status(session)
    words = _Datum()
    if (
        status & 0xFFFFFFFF in (0, 0xFFFFFFFF)
        or gnutls.gnutls_certificate_verification_status_print(
            c.c_uint(status), _X509, c.byref(words), 0
        )
        < 0
    ):
        return ""
    return (words.data or b"").decode(errors="replace")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    main()
