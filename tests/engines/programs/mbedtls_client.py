"""Ask Mbed TLS for every line of standard input: id, URL, roots in base64; see ../asking.py.

python-mbedtls, which brings its own Mbed TLS: a real handshake, verification required, the name
set as any client sets it. A program of its own, because it must bear a crash.
"""

from __future__ import annotations

import base64
import socket
import sys
from urllib.parse import urlsplit

import mbedtls
from mbedtls import tls, x509

_SECONDS = 15


def main() -> None:
    """Answer line by line; without a port, print the version."""
    if len(sys.argv) < 2:
        sys.stdout.write(f"{mbedtls.version.version}\n")
        return
    for line in sys.stdin:
        id_, url, roots = line.rstrip("\n").split("\t")
        try:
            _ask(url, roots.split(","), int(sys.argv[1]))
        except Exception as error:  # noqa: BLE001 - whatever it is, its words are the answer
            answer = f"no\t{type(error).__name__} {' '.join(str(error).split())}"
        else:
            answer = "yes\t"
        sys.stdout.write(f"{id_}\t{answer}\n")
        sys.stdout.flush()


def _ask(url: str, roots: list[str], proxy: int) -> None:
    # Not urlsplit's hostname, which puts it in lower case.
    host = urlsplit(url).netloc.rpartition(":")[0].strip("[]")
    store = tls.TrustStore()
    for root in roots:
        store.add(x509.CRT.from_DER(base64.b64decode(root)))
    context = tls.ClientContext(tls.TLSConfiguration(trust_store=store, validate_certificates=True))
    with socket.create_connection(("127.0.0.1", proxy), timeout=_SECONDS) as connection:
        connection.sendall(f"CONNECT case:{urlsplit(url).port} HTTP/1.1\r\n\r\n".encode())
        connection.recv(4096)
        session = context.wrap_socket(connection, server_hostname=host)
        session.do_handshake()


if __name__ == "__main__":
    main()
