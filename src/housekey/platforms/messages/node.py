"""What Node.js says: Node-RED, Homebridge, Zigbee2MQTT."""

from __future__ import annotations

from housekey.platforms.messages import matters
from housekey.platforms.messages.model import Message
from housekey.platforms.model import Platform

_NODE = "Node.js, doc/api/tls.md"
_RAN_NODE = "measured: Node.js 20"
_NODE_ROOT = "Node.js is given the root by NODE_EXTRA_CA_CERTS=root.pem"


MESSAGES = (
    Message(
        "node-first-certificate",
        "Node.js",
        matters.CHAIN,
        _RAN_NODE,
        ("UNABLE_TO_VERIFY_LEAF_SIGNATURE",),
        platform=Platform.NODE,
        rules=("OSL-01", "NOD-01"),
        steps=(_NODE_ROOT,),
    ),
    Message(
        "node-self-signed",
        "Node.js",
        matters.SELF_SIGNED,
        _RAN_NODE,
        ("DEPTH_ZERO_SELF_SIGNED_CERT",),
        platform=Platform.NODE,
        rules=("OSL-02", "NOD-01"),
    ),
    Message(
        "node-root-sent",
        "Node.js",
        matters.ROOT_SENT_UNTRUSTED,
        _RAN_NODE,
        ("SELF_SIGNED_CERT_IN_CHAIN",),
        platform=Platform.NODE,
        rules=("NOD-01",),
        steps=(_NODE_ROOT,),
    ),
    Message(
        "node-untrusted",
        "Node.js",
        matters.UNTRUSTED,
        _RAN_NODE,
        ("UNABLE_TO_GET_ISSUER_CERT_LOCALLY",),
        platform=Platform.NODE,
        rules=("NOD-01",),
        steps=(_NODE_ROOT,),
    ),
    Message(
        "node-name",
        "Node.js",
        matters.NAME,
        _RAN_NODE,
        (
            "does not match certificate's altnames: Host: {host} is not in the cert's altnames",
            "does not match certificate's altnames: IP: {host} is not in the cert's list",
            "does not match certificate's altnames",
            "ERR_TLS_CERT_ALTNAME_INVALID",
        ),
        platform=Platform.NODE,
        rules=("OSL-07",),
    ),
    Message(
        "node-eproto",
        "Node.js",
        matters.HANDSHAKE,
        _NODE,
        ("write EPROTO", "code: 'EPROTO'"),
        platform=Platform.NODE,
        vague=True,
    ),
    Message(
        "node-extra-certs",
        "Node.js",
        matters.CA_FILE,
        _RAN_NODE,
        (
            "Ignoring extra certs from `{path}`",
            "Ignoring extra certs from",
        ),
        platform=Platform.NODE,
    ),
    Message(
        "node-disconnected",
        "Node.js",
        matters.NO_ANSWER,
        _NODE,
        ("Client network socket disconnected before secure TLS connection was established",),
        platform=Platform.NODE,
    ),
    Message(
        "node-unverified-warning",
        "Node.js",
        matters.VERIFY_OFF,
        _NODE,
        ("Setting the NODE_TLS_REJECT_UNAUTHORIZED environment variable to '0'",),
        platform=Platform.NODE,
    ),
)
