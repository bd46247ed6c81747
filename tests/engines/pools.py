"""Features to combine at random: where two rules meet, the order of an engine's checks shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.engines import der
from tests.engines.der import constraints
from tests.engines.forge import DAY, ISSUING, LEAF, ROOT, Ext
from tests.engines.themes.constraints import HOUSE

if TYPE_CHECKING:
    import random

    from tests.engines.making import Maker
    from tests.engines.model import Case

_UNKNOWN = Ext("1.2.3.4.5.6", der.octet_string(b"?"), critical=True)

_ANY: tuple[dict[str, Any], ...] = (
    {"key": "p384"}, {"key": "p521"}, {"key": "ed25519"}, {"key": "rsa2048"}, {"key": "rsa1024"},
    {"key": "secp256k1"},
    {"hash": "sha1"}, {"hash": "sha512"},
    {"serial": 0}, {"serial": -9}, {"serial": 1 << 165},
    {"more": (_UNKNOWN,)},
    {"ski": None}, {"aki": None}, {"aki": "wrong"}, {"aki": "serial"}, {"aki": "both-wrong-serial"},
    {"start": -90 * DAY, "end": -DAY}, {"start": DAY},
    {"ku_critical": False}, {"ca_critical": False}, {"ca": None}, {"ku": None},
)  # fmt: skip
_LEAF: tuple[dict[str, Any], ...] = (
    {"eku": None}, {"eku": ("any",)}, {"eku": ("clientAuth",)}, {"eku": ("serverAuth", "any")},
    {"ku": ("keyEncipherment",)}, {"ku": ("digitalSignature", "keyCertSign")},
    {"ku": ("keyAgreement",)}, {"ca": True}, {"end": 900 * DAY},
    {"subject": der.dn()}, {"subject": der.dn("CN=Home Assistant")},
    {"subject": der.dn("CN=ha.example.org")}, {"subject": ROOT.subject},
    {"san_critical": True}, {"issuer": der.dn("CN=housekey issuing CA for Home", tag=19)},
)  # fmt: skip
_CA: tuple[dict[str, Any], ...] = (
    {"path_length": 0}, {"path_length": 1}, {"path_length": None},
    {"ku": ("cRLSign",)}, {"ku": ("keyCertSign",)}, {"ca": False, "path_length": None},
    {"eku": ("serverAuth",)}, {"eku": ("clientAuth",)}, {"eku": ("any",)},
    *({"nc": HOUSE, "nc_critical": critical} for critical in (False, True)),
    *({"nc": constraints("lan"), "nc_critical": critical} for critical in (False, True)),
    *({"nc": constraints("local"), "nc_critical": critical} for critical in (False, True)),
    {"nc": constraints("lan", "10.0.0.0/8")},
    {"nc": constraints(excluded=("0.0.0.0/0", "::/0"))},
)  # fmt: skip
# What the SAN holds, and what is asked.
_SANS: tuple[tuple[tuple[str, ...] | None, str], ...] = (
    (("ha.lan",), "ha.lan"), (("ha.lan", "192.168.1.5"), "192.168.1.5"),
    (("192.168.1.5",), "192.168.1.5"), (("ha.lan", "fd00::20"), "fd00::20"),
    (("*.house.lan",), "ha.house.lan"), (("*.lan",), "ha.lan"), (("ha.lan", "*.lan"), "ha.lan"),
    (("ha.lan.",), "ha.lan"), (("ha.lan", "dns:192.168.1.5"), "ha.lan"),
    (("ha.lan", "my_nas.lan"), "ha.lan"), (("nas.lan",), "ha.lan"), (None, "ha.lan"),
    (("ha.lan", "ha.example.org"), "ha.lan"), (("ha.local",), "ha.local"),
    (("dns:192.168.1.5",), "192.168.1.5"), (("homeassistant",), "homeassistant"),
)  # fmt: skip
_SENDS = ("leaf issuing",) * 6 + ("leaf", "leaf issuing root", "leaf root issuing")


def draw(make: Maker, chosen: random.Random, *, id_: str) -> Case:
    """Return one case; what is drawn depends on `chosen` alone."""
    changes: dict[str, dict[str, Any]] = {"leaf": {}, "issuing": {}, "root": {}}
    for _ in range(chosen.randint(1, 4)):
        where = chosen.choice(("leaf", "issuing", "root"))
        changes[where] |= chosen.choice(_ANY + (_LEAF if where == "leaf" else _CA))
    san, name = chosen.choice(_SANS) if chosen.random() < 0.6 else _SANS[0]
    leaf = LEAF.but(**{"san": san} | changes["leaf"])
    alone = chosen.random() < 0.08
    direct = not alone and chosen.random() < 0.25
    send = "leaf" if alone or direct else chosen.choice(_SENDS)
    return make(
        id_,
        name=name,
        leaf=leaf,
        issuing=None if direct else ISSUING.but(**changes["issuing"]),
        root=ROOT.but(**changes["root"]),
        leaf_by="leaf" if alone else "",
        trust="leaf" if alone else "root",
        send=send,
    )
