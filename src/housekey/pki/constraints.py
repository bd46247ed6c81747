"""What a house may speak for: the name constraints of its root and issuing CA.

The rules are PLATFORMS.md section 9, NC-01 to NC-16. In short: names without leading
dots (NC-03), always both DNS and IP and both families of IP (NC-04, NC-05), no other
types of name (NC-07, NC-08), nothing excluded, and never a zone that strangers share
(NC-16). Not critical by default: every engine that knows constraints enforces them
all the same, and a critical one makes Mbed TLS unable to read the root (NC-13).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TYPE_CHECKING, TypeAlias

from housekey.errors import HouseBroken, PermitRefused
from housekey.pki.names import DnsName, IpName, Name
from housekey.pki.shared_zones import shared_by_many

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography import x509

Network: TypeAlias = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Constraints:
    """The permitted subtrees, in the order in which the certificate lists them.

    Raises ValueError for constraints that engines read differently: a family missing, a
    name with a leading dot or a wildcard.
    """

    dns: tuple[str, ...]  # lower-case A-labels; each covers itself and everything below
    networks: tuple[Network, ...]
    critical: bool = False

    def __post_init__(self) -> None:
        if not self.dns or {network.version for network in self.networks} != {4, 6}:
            raise ValueError("constraints name DNS, IPv4 and IPv6, each at least once")
        for name in self.dns:
            if not name or name != name.lower() or name[0] in ".*" or name.endswith("."):
                raise ValueError(f"{name!r} is not a name that all engines read alike")

    def permits(self, name: Name) -> bool:
        """Whether a leaf may carry `name`: RFC 5280 4.2.1.10.

        DNS by whole labels from the right, a wildcard as everything below its parent
        (`*.x.lan` is inside `x.lan` and not inside `y.x.lan`: NC-12); IP by network.
        """
        if isinstance(name, IpName):
            return any(name.address in network for network in self.networks)
        dotted = "." + name.text.removeprefix("*.")
        return any(dotted.endswith("." + zone) for zone in self.dns)

    def refused(self, names: Iterable[Name]) -> tuple[Name, ...]:
        """Those of `names` that a leaf may not carry, in their order."""
        return tuple(name for name in names if not self.permits(name))

    def widened(self, names: Iterable[Name]) -> Constraints:
        """These constraints plus exactly what `names` lack.

        A DNS name adds itself (a wildcard its parent), a public IPv6 address its /64,
        which is what a provider gives a line and what its devices change within (RFC 4291
        2.5.4), any other address itself alone. Raises PermitRefused for a shared zone.
        """
        wider = self
        for name in names:
            if wider.permits(name):
                continue
            if isinstance(name, DnsName):
                zone = name.text.removeprefix("*.")
                refuse_shared_zones((zone,))
                wider = replace(wider, dns=(*wider.dns, zone))
            else:
                wider = replace(wider, networks=(*wider.networks, _network_of(name)))
        return wider

    def added_by(self, names: Iterable[Name]) -> tuple[str, ...]:
        """What `widened(names)` has more than these, for people."""
        before = set(self.described())
        return tuple(part for part in self.widened(names).described() if part not in before)

    def described(self) -> tuple[str, ...]:
        """The permitted names, then the permitted networks, as text."""
        return (*self.dns, *map(str, self.networks))

    def extension(self) -> x509.NameConstraints:
        """The extension for the root and the issuing CA; `critical` stands beside it."""
        from cryptography import x509  # noqa: PLC0415 - constraints are read without X.509, too

        return x509.NameConstraints(
            permitted_subtrees=[
                *map(x509.DNSName, self.dns),
                *map(x509.IPAddress, self.networks),
            ],
            excluded_subtrees=None,
        )


DEFAULT_CONSTRAINTS = Constraints(
    # NC-01: mDNS (RFC 6762), the usual names of routers, RFC 8375, ICANN's private-use name of
    # 2024, RFC 6761, and the bare host name of a Home Assistant.
    dns=("local", "lan", "home.arpa", "internal", "localhost", "homeassistant"),
    # NC-02: RFC 1918, loopback, link-local, RFC 6598 (Tailscale, too), and IPv6's likes of them.
    networks=tuple(
        map(
            ip_network,
            (
                "10.0.0.0/8",
                "172.16.0.0/12",
                "192.168.0.0/16",
                "127.0.0.0/8",
                "169.254.0.0/16",
                "100.64.0.0/10",
                "fc00::/7",
                "fe80::/10",
                "::1/128",
            ),
        )
    ),
)


def refuse_shared_zones(names: Iterable[str]) -> None:
    """Raise PermitRefused if one of `names` belongs to more than one home (NC-16).

    Asked when constraints are made, never when they are read: a zone that joins the list
    later must not lock out the houses that have it.
    """
    for name in names:
        reason = shared_by_many(name)
        if reason is not None:
            raise PermitRefused(
                name,
                reason=reason,
                hint="permit the full name of your own home, such as myhome.duckdns.org",
            )


def constraints_of(certificate: x509.Certificate) -> Constraints:
    """The constraints of a root or issuing CA of a house.

    Raises HouseBroken when it has none, or not such as a house is created with: nobody
    could then say what it may be used for.
    """
    from cryptography import x509  # noqa: PLC0415 - constraints are read without X.509, too

    try:
        extension = certificate.extensions.get_extension_for_class(x509.NameConstraints)
        subtrees = extension.value.permitted_subtrees or ()
        read = Constraints(
            dns=tuple(each.value for each in subtrees if isinstance(each, x509.DNSName)),
            networks=tuple(
                each.value
                for each in subtrees
                if isinstance(each, x509.IPAddress)
                and isinstance(each.value, IPv4Network | IPv6Network)
            ),
            critical=extension.critical,
        )
    except (x509.ExtensionNotFound, ValueError) as error:
        raise _not_of_a_house(str(error)) from error
    if extension.value != read.extension():
        raise _not_of_a_house("it lists more than names and networks")
    return read


def _network_of(name: IpName) -> Network:
    address = name.address
    if isinstance(address, IPv6Address) and address.is_global:
        return IPv6Network((address, 64), strict=False)
    return ip_network(address)


def _not_of_a_house(reason: str) -> HouseBroken:
    return HouseBroken(
        f"the certificate authority's name constraints are not those of a house: {reason}",
        hint="put root.pem and issuing.pem of the house back from a backup",
    )
