"""DuckDNS: what its DNS can do, and pointing a name to an address of the home.

Its interface is one address that is asked (https://www.duckdns.org/spec.jsp); lexicon speaks to it.
A name has one A, one AAAA and one TXT record, and everything below it shows the same.
"""

from __future__ import annotations

from housekey.errors import DnsFailed

PROVIDER = "duckdns"
ZONE = "duckdns.org"


def domain_of(name: str) -> str:
    """Return the name as it was registered, of itself or of anything below it.

    Raises `DnsFailed` for a name elsewhere.
    """
    labels = name.lower().rstrip(".").split(".")
    if labels[-2:] != ZONE.split(".") or len(labels) < 3:
        raise DnsFailed(
            f"{name} is not a name of DuckDNS",
            hint=f"it looks like myhome.{ZONE}; for a name elsewhere give --dns PROVIDER",
        )
    return ".".join(labels[-3:])
