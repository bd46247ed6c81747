"""What Python and its libraries say: aiohttp, requests, urllib3, pip.

Since 3.13 Python asks OpenSSL to be strict, and with it Home Assistant as a client (HA-03).
"""

from __future__ import annotations

from housekey.platforms.messages import matters
from housekey.platforms.messages.model import Message
from housekey.platforms.model import Platform

_VERIFY = "OpenSSL, crypto/x509/x509_txt.c"
_RAN_PYTHON = "measured: Python 3.11"
_PYTHON_ROOT = (
    "Python is given the root by SSL_CERT_FILE=root.pem, with requests by"
    " REQUESTS_CA_BUNDLE=root.pem; it ignores the system's list otherwise (PYT-01)"
)


STRICT = tuple(
    Message(
        f"python-{id_}",
        "Python 3.13 and later",
        matters.STRICT,
        _VERIFY,
        texts,
        platform=Platform.PYTHON,
        rules=(rule, "HA-03"),
    )
    for id_, rule, texts in (
        ("no-aki", "PY-01", ("Missing Authority Key Identifier",)),
        ("no-ski", "PY-02", ("Missing Subject Key Identifier",)),
        ("basic-constraints", "PY-03", ("Basic Constraints of CA cert not marked critical",)),
        (
            "ca-key-usage",
            "PY-04",
            (
                "CA cert does not include key usage extension",
                "Path length given without key usage keyCertSign",
            ),
        ),
        ("leaf-key-usage", "PY-06", ("Key usage keyCertSign invalid for non-CA cert",)),
        ("leaf-path-length", "PY-07", ("Path length invalid for non-CA cert",)),
        (
            "empty-names",
            "PY-08",
            (
                "Issuer name empty",
                "Subject empty and Subject Alt Name extension not critical",
                "Empty subject alternative name extension",
            ),
        ),
        (
            "critical-identifier",
            "PY-09",
            (
                "Authority Key Identifier marked critical",
                "Subject Key Identifier marked critical",
            ),
        ),
    )
)

PYTHON = (
    Message(
        "python-unverified-warning",
        "urllib3",
        matters.VERIFY_OFF,
        "urllib3, exceptions.py",
        ("InsecureRequestWarning",),
        platform=Platform.PYTHON,
        vague=True,
    ),
    Message(
        "python-hostname",
        "Python",
        matters.NAME,
        "CPython, Modules/_ssl.c",
        (
            "Hostname mismatch, certificate is not valid for '{host}'",
            "IP address mismatch, certificate is not valid for '{host}'",
            "hostname '{host}' doesn't match",
        ),
        platform=Platform.PYTHON,
        rules=("OSL-07",),
    ),
    Message(
        "python-untrusted",
        "Python",
        matters.UNTRUSTED,
        _RAN_PYTHON,
        ("certificate verify failed: unable to get local issuer certificate",),
        platform=Platform.PYTHON,
        rules=("OSL-01", "PYT-01"),
        steps=(_PYTHON_ROOT,),
    ),
    Message(
        "aiohttp-certificate",
        "aiohttp",
        matters.UNVERIFIED,
        "aiohttp, client_exceptions.py",
        (
            "Cannot connect to host {host} ssl:…certificate",
            "ClientConnectorCertificateError",
        ),
        platform=Platform.PYTHON,
        vague=True,
    ),
    Message(
        "aiohttp-ssl",
        "aiohttp",
        matters.HANDSHAKE,
        "aiohttp, client_exceptions.py",
        ("ClientConnectorSSLError",),
        platform=Platform.PYTHON,
        vague=True,
    ),
    Message(
        "requests-ssl",
        "requests",
        matters.UNVERIFIED,
        "requests, exceptions.py; urllib3, exceptions.py",
        (
            "requests.exceptions.SSLError",
            "HTTPSConnectionPool(host='{host}', port={port})…SSLError",
        ),
        platform=Platform.PYTHON,
        rules=("PYT-01",),
        vague=True,
    ),
    Message(
        "requests-bundle",
        "requests",
        matters.CA_FILE,
        "requests, adapters.py",
        (
            "Could not find a suitable TLS CA certificate bundle, invalid path: {path}",
            "Could not find a suitable TLS CA certificate bundle",
        ),
        platform=Platform.PYTHON,
    ),
    Message(
        "requests-key-file",
        "requests",
        matters.CLIENT_CERTIFICATE,
        "requests, adapters.py",
        (
            "Could not find the TLS certificate file, invalid path",
            "Could not find the TLS key file, invalid path",
        ),
        platform=Platform.PYTHON,
    ),
    Message(
        "pip-ssl",
        "pip",
        matters.UNVERIFIED,
        "pip, _internal/network",
        ("There was a problem confirming the ssl certificate",),
        platform=Platform.PYTHON,
        vague=True,
    ),
    Message(
        "paho-verify",
        "paho-mqtt",
        matters.UNVERIFIED,
        "paho-mqtt, client.py",
        ("Certificate hostname mismatch",),
        platform=Platform.PYTHON,
    ),
)

MESSAGES = (*STRICT, *PYTHON)
