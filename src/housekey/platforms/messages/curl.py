"""What curl and wget say."""

from __future__ import annotations

from housekey.platforms.messages import matters
from housekey.platforms.messages.model import Message
from housekey.platforms.model import Platform

_CURL = "curl, docs/libcurl/libcurl-errors.md"
_RAN_CURL = "measured: curl 7.88 and wget 1.21"


MESSAGES = (
    Message(
        "curl-no-name",
        "curl",
        matters.NAME,
        _RAN_CURL,
        (
            "no alternative certificate subject name matches target host name '{host}'",
            "no alternative certificate subject name matches target ipv4 address '{host}'",
            "no alternative certificate subject name matches target ipv6 address '{host}'",
            "no alternative certificate subject name matches target",
            "certificate subject name '…' does not match target host name '{host}'",
        ),
        platform=Platform.OPENSSL,
        rules=("OSL-07",),
    ),
    Message(
        "curl-60",
        "curl",
        matters.UNVERIFIED,
        _CURL,
        (
            "curl: (60)",
            "SSL certificate problem:",
            "SSL peer certificate or SSH remote key was not OK",
        ),
        platform=Platform.OPENSSL,
        vague=True,
    ),
    Message(
        "curl-35",
        "curl",
        matters.HANDSHAKE,
        _CURL,
        ("curl: (35)",),
        platform=Platform.OPENSSL,
        vague=True,
    ),
    Message(
        "curl-77",
        "curl",
        matters.CA_FILE,
        _RAN_CURL,
        (
            "error setting certificate verify locations",
            "error setting certificate file: {path}",
            "error setting certificate file",
            "error adding trust anchors from file",
            "curl: (77)",
        ),
        platform=Platform.OPENSSL,
    ),
    Message(
        "curl-58",
        "curl",
        matters.CLIENT_CERTIFICATE,
        _CURL,
        ("curl: (58)",),
        platform=Platform.OPENSSL,
    ),
    Message("curl-52", "curl", matters.NO_ANSWER, _RAN_CURL, ("Empty reply from server",)),
    Message(
        "curl-7",
        "curl",
        matters.REFUSED,
        _RAN_CURL,
        ("Failed to connect to {host} port", "curl: (7)"),
    ),
    Message(
        "curl-6",
        "curl",
        matters.NO_SUCH_NAME,
        _RAN_CURL,
        ("Could not resolve host: {host}", "curl: (6)"),
    ),
    Message("curl-28", "curl", matters.TIMEOUT, _CURL, ("curl: (28)",)),
    Message(
        "curl-56",
        "curl",
        matters.NO_ANSWER,
        _RAN_CURL,
        ("curl: (56)",),
        vague=True,
    ),
    Message(
        "wget-untrusted",
        "wget",
        matters.UNTRUSTED,
        _RAN_CURL,
        (
            "cannot verify {host}'s certificate",
            "The certificate of '{host}' doesn't have a known issuer",
        ),
    ),
    Message(
        "wget-expired",
        "wget",
        matters.ENDED,
        _RAN_CURL,
        ("The certificate of '{host}' has expired",),
    ),
    Message(
        "wget-not-yet",
        "wget",
        matters.NOT_YET,
        _RAN_CURL,
        ("The certificate of '{host}' is not yet activated",),
    ),
    Message(
        "wget-not-trusted",
        "wget",
        matters.UNVERIFIED,
        _RAN_CURL,
        ("The certificate of '{host}' is not trusted",),
        vague=True,
    ),
    Message(
        "wget-name",
        "wget",
        matters.NAME,
        _RAN_CURL,
        (
            "The certificate's owner does not match hostname '{host}'",
            "no certificate subject alternative name matches",
        ),
    ),
)
