"""The profile that passes everything (PLATFORMS.md 0.1), as housekey issues it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engines import der
from tests.engines.forge import ISSUING, LEAF, ROOT
from tests.engines.themes.constraints import HOUSE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engines.making import Maker
    from tests.engines.model import Case

_RULES = ("NC-01", "NC-02", "NC-13", "MBD-01", "BR-09", "APL-04", "RFC-03")


def cases(make: Maker) -> Iterator[Case]:
    """A house with constraints, each kind of name, the three kinds of keys that it makes."""
    for key in ("p256", "p384", "rsa2048"):
        usage = ("digitalSignature", "keyEncipherment") if "rsa" in key else LEAF.ku
        for critical in (False, True):
            for name in ("ha.local", "homeassistant", "192.168.1.20", "fd00::20"):
                is_dns = name[0].isalpha() and ":" not in name
                yield make(
                    f"house-{key}-{name.replace(':', '-').replace('.', '-')}"
                    f"{'-critical' if critical else ''}",
                    *_RULES,
                    name=name,
                    root=ROOT.but(key=key, nc=HOUSE, nc_critical=critical),
                    issuing=ISSUING.but(key=key, nc=HOUSE, nc_critical=critical),
                    leaf=LEAF.but(
                        key=key,
                        ku=usage,
                        san=(name,),
                        subject=der.dn(f"CN={name}" if is_dns else "O=housekey"),
                    ),
                )
