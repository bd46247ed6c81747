"""A whole handshake between a client and a server's context, in memory: no socket, no waiting."""

from __future__ import annotations

import ssl

_MOST_ROUNDS = 8  # a handshake takes three, one more after a HelloRetryRequest


def shake_in_memory(
    server: ssl.SSLContext, client: ssl.SSLContext, name: str | None
) -> tuple[ssl.SSLObject, ssl.SSLError | None]:
    """Shake hands asking for `name`; return the client's end, and what failed at either, or None.

    Blocking: a few milliseconds of arithmetic, tens with a long RSA key on a small machine.
    """
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server, server_hostname=name)
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    waiting = [asking, answering]
    for _ in range(_MOST_ROUNDS):
        for end in tuple(waiting):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                return asking, error
            waiting.remove(end)
        if not waiting:
            return asking, None
    return asking, ssl.SSLError("the handshake does not end")


def answers_http(server: ssl.SSLContext) -> tuple[str, ...]:
    """Return what `server` answers to a client that offers HTTP/1.1 by ALPN: that, or nothing.

    Asked in a handshake because Python has no way to read it. The answer comes before any
    certificate is looked at, so a server that wants one of its clients answers too.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE  # nothing is sent, and nobody is trusted
    client.set_alpn_protocols(["http/1.1"])
    asked, _ = shake_in_memory(server, client, None)
    selected = asked.selected_alpn_protocol()
    return (selected,) if selected else ()
