"""What servers and speakers say: a proxy's log, a broker's log, a cast."""

from __future__ import annotations

from housekey.platforms.messages import matters
from housekey.platforms.messages.model import Message

_NGINX = "nginx, src/event/ngx_event_openssl.c and src/http"

MESSAGES = (
    Message(
        "nginx-plain",
        "nginx",
        matters.PLAIN_TO_TLS,
        _NGINX,
        (
            "client sent plain HTTP request to HTTPS port…client: {client},",
            "The plain HTTP request was sent to HTTPS port",
            "client sent plain HTTP request to HTTPS port",
        ),
    ),
    Message(
        "apache-plain",
        "Apache",
        matters.PLAIN_TO_TLS,
        "Apache httpd, modules/ssl",
        ("You're speaking plain HTTP to an SSL-enabled server port",),
    ),
    Message(
        "nginx-handshake",
        "nginx",
        matters.HANDSHAKE,
        _NGINX,
        ("SSL_do_handshake() failed…client: {client},", "SSL_do_handshake() failed"),
        vague=True,
    ),
    Message(
        "nginx-upstream",
        "nginx",
        matters.UNVERIFIED,
        _NGINX,
        ("upstream SSL certificate verify error", "upstream SSL certificate does not match"),
        vague=True,
    ),
    Message(
        "nginx-client-certificate",
        "nginx",
        matters.CLIENT_CERTIFICATE,
        _NGINX,
        ("No required SSL certificate was sent", "client sent no required SSL certificate"),
    ),
    Message(
        "nginx-key",
        "nginx",
        matters.KEY_MISMATCH,
        _NGINX,
        ('SSL_CTX_use_PrivateKey("{path}") failed…key values mismatch',),
    ),
    Message(
        "nginx-file",
        "nginx",
        matters.NOT_PEM,
        _NGINX,
        (
            'cannot load certificate "{path}"',
            'cannot load certificate key "{path}"',
        ),
        vague=True,
    ),
    Message(
        "mosquitto-alert",
        "Mosquitto",
        matters.CLIENT_REFUSES,
        "Mosquitto, lib/net_mosq.c",
        ("OpenSSL Error…alert unknown ca", "OpenSSL Error…alert bad certificate"),
    ),
    Message(
        "mosquitto-plain",
        "Mosquitto",
        matters.PLAIN_TO_TLS,
        "Mosquitto, lib/net_mosq.c",
        ("OpenSSL Error…wrong version number", "OpenSSL Error…http request"),
    ),
    Message(
        "haproxy-handshake",
        "HAProxy",
        matters.HANDSHAKE,
        "HAProxy, src/ssl_sock.c",
        ("SSL handshake failure",),
        vague=True,
    ),
    Message(
        "asyncio-certificate",
        "asyncio",
        matters.CLIENT_REFUSES,
        "CPython, Lib/asyncio/sslproto.py",
        ("SSL handshake failed on verifying the certificate",),
    ),
    Message(
        "asyncio-handshake",
        "asyncio",
        matters.HANDSHAKE,
        "CPython, Lib/asyncio/sslproto.py",
        ("SSL handshake failed", "SSL error in data received"),
        vague=True,
    ),
)
