"""What a client connects to: a DNS name or an IP address, as a certificate's SAN holds it.

`parse_name` is the only door for text that a person or a configuration wrote. It
lets through what every platform takes, and says of anything else why not, to
someone who has never heard of a SAN. The rules are PLATFORMS.md's; where one
platform refuses and the others shrug, the one that refuses decides.

cryptography and idna are imported inside the functions that need them: the
command line parses names in commands that never touch a certificate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, TypeAlias

from housekey.errors import NameRefused, PemUnreadable

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True, slots=True)
class DnsName:
    """A DNS name; from `parse_name` always lower-case A-labels without a trailing dot."""

    text: str

    @property
    def is_wildcard(self) -> bool:
        """Whether the name stands for any one label in its first place."""
        return self.text.startswith("*.")

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class IpName:
    """An IP address; in a certificate a real iPAddress entry, never text (APL-05, GO-01)."""

    address: IPv4Address | IPv6Address

    def __str__(self) -> str:
        return self.address.compressed


Name: TypeAlias = DnsName | IpName

MOST_CHARACTERS = 253  # of a whole name: RFC 1035 2.3.4, without the length octets

_DOTS = re.compile("[\u3002\uff0e\uff61]")  # what IDNA reads as a dot: UTS 46, section 4.5
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")  # RFC 1123 2.1, RFC 1035 2.3.4
_LETTERS = re.compile(r"[a-z0-9-]+")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # what a browser's address bar reads as one, see below
_LIKE_IPV4 = re.compile(r"[0-9.]+")
_PORT = re.compile(r"(\[[^\]]*\]|[^:]*):[0-9]*", re.DOTALL)
_BROADCAST = IPv4Address("255.255.255.255")


def parse_name(text: str) -> Name:
    """Read `text` as a name that every platform accepts in a certificate.

    Case and one trailing dot do not matter, IPv6 may stand in brackets, letters
    outside ASCII become their A-label form (IDNA 2008, mapped as UTS 46 says).
    An IPv4-mapped IPv6 address (`::ffff:192.168.1.5`) becomes the IPv4 address: it
    is how sockets spell an IPv4 peer, and engines disagree whether it matches.
    `parse_name(str(name)) == name` for every name that this returns.

    Raises NameRefused for everything else, and nothing but that.
    """
    if not text:
        raise NameRefused(text, reason="it is empty", hint="write a name such as ha.lan")
    _refuse_what_is_not_one_host(text)
    address = _address(text)
    if address is not None:
        return IpName(_usable(address, text))
    return DnsName(_dns_name(text))


def name_of_san(entry: x509.GeneralName) -> Name | None:
    """The name in one SAN entry of any certificate, or None if it names no server.

    Foreign certificates are read as they are: nothing is refused here, only case and
    one trailing dot are evened out.
    """
    from cryptography import x509  # noqa: PLC0415 - see the module's first words

    if isinstance(entry, x509.DNSName):
        return DnsName(entry.value.lower().removesuffix("."))
    if isinstance(entry, x509.IPAddress) and isinstance(entry.value, IPv4Address | IPv6Address):
        return IpName(entry.value)
    return None


def names_of(certificate: x509.Certificate) -> tuple[Name, ...]:
    """The names in the certificate's SAN, in its order; empty without one.

    The common name is not looked at, as on every platform (APL-04, CHR-02, GO-01).
    Raises PemUnreadable when the extensions cannot be parsed.
    """
    from cryptography import x509  # noqa: PLC0415 - see the module's first words

    try:
        entries = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise PemUnreadable(
            f"the certificate's names cannot be read: {error}",
            hint="ask for a new certificate from whoever made this one",
        ) from error
    return tuple(name for name in map(name_of_san, entries) if name is not None)


def to_general_name(name: Name) -> x509.GeneralName:
    """The SAN entry for `name`."""
    from cryptography import x509  # noqa: PLC0415 - see the module's first words

    return x509.DNSName(name.text) if isinstance(name, DnsName) else x509.IPAddress(name.address)


# --- what is not one host ---


def _refuse_what_is_not_one_host(text: str) -> None:
    """URLs, ports, zones and blanks: refused by name before the general rules."""
    if "://" in text:
        host = re.split(r"[/?#]", text.partition("://")[2], maxsplit=1)[0].rpartition("@")[2]
        raise _refusal(
            text, "it is an address of a page, not a host", host=_without_port(host) or host
        )
    if "/" in text:
        host, _, rest = text.partition("/")
        what = "is a whole network, not one host" if rest.isdecimal() else "has a path after it"
        raise _refusal(text, f"it {what}", host=host)
    if "%" in text and ":" in text:
        raise _refusal(
            text,
            "what follows the % names a network card of one computer, and means nothing elsewhere",
            host=text.strip("[]").partition("%")[0],
        )
    host_before_port = _without_port(text)
    if host_before_port is not None:
        raise _refusal(
            text, "it ends with a port, and a certificate covers all ports", host=host_before_port
        )
    if text.split() != [text]:
        raise _refusal(text, "it contains a blank", host="".join(text.split()))


def _without_port(text: str) -> str | None:
    """`text` up to its port, or None if it has none."""
    found = _PORT.fullmatch(text)
    return found[1] if found else None


# --- addresses ---


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """`text` as an address, or None if it is not written like one."""
    bracketed = text.startswith("[") and text.endswith("]")
    if bracketed or ":" in text:
        bare = text[1:-1] if bracketed else text.removesuffix(".")
        try:
            return IPv6Address(bare)
        except ValueError:
            reason = "it looks like an IPv6 address, and is none"
            raise _refusal(text, reason, host=bare if bracketed else "") from None
    try:
        return IPv4Address(text.removesuffix(".")) if _LIKE_IPV4.fullmatch(text) else None
    except ValueError:
        return None


def _usable(address: IPv4Address | IPv6Address, text: str) -> IPv4Address | IPv6Address:
    """`address`, if one device can have it; an IPv4-mapped one as IPv4."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_unspecified:
        raise _refusal(
            text,
            "it stands for every address of a machine and is none itself",
            hint="write the address that browsers use, such as 192.168.1.20",
        )
    if address.is_multicast or address == _BROADCAST:
        raise _refusal(
            text,
            "it is the address of a group of devices, not of one",
            hint="write the address of the server itself, such as 192.168.1.20",
        )
    return address


# --- DNS names ---


def _dns_name(text: str) -> str:
    dotted = (text if text.isascii() else _DOTS.sub(".", text)).removesuffix(".")
    wildcard = dotted.startswith("*.")
    host = _a_labels(dotted.removeprefix("*."), text)
    labels = host.split(".")
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise _bad_label(label, text)
    if _NUMBER.fullmatch(labels[-1]):
        # A browser's address bar takes a host that ends in a number for an IPv4 address and
        # stops there if it is none: WHATWG URL, section 3.5 "ends in a number checker".
        raise _refusal(
            text,
            "it ends in a number, so that clients take it for an IP address, which it is not",
            hint="an IPv4 address has four numbers from 0 to 255, such as 192.168.1.20",
        )
    if wildcard and (len(labels) < 2 or host == "home.arpa"):
        # Directly above a registry: OSL-07, CHR-03, FFX-05, APL-07. `*.home.arpa` fails in
        # Chrome, where home.arpa counts as a registry of its own.
        raise _refusal(
            text,
            f"no browser accepts a wildcard directly above {host!r}",
            hint=f"write the host names one by one, or go one level down: *.house.{host}",
        )
    name = f"*.{host}" if wildcard else host
    if len(name) > MOST_CHARACTERS:
        raise _refusal(
            text, f"it has {len(name)} characters, and {MOST_CHARACTERS} is the limit of DNS"
        )
    return name


def _a_labels(host: str, text: str) -> str:
    """`host` in lower-case A-labels; plain ASCII stays as it is and is checked label by label."""
    lowered = host.lower()
    if lowered.isascii() and not lowered.startswith("xn--") and ".xn--" not in lowered:
        return lowered
    if len(host) > MOST_CHARACTERS:  # idna takes its time over long texts (CVE-2024-3651)
        raise _refusal(text, f"it is longer than {MOST_CHARACTERS} characters, the limit of DNS")
    # Its tables cost more to load than the rest of this room, and few names need them.
    import idna  # noqa: PLC0415

    try:
        return idna.encode(host, uts46=True).decode("ascii").lower()
    except UnicodeError as error:
        raise _refusal(
            text,
            f"it has characters that a host name cannot have ({error})",
            hint="use letters, digits and hyphens",
        ) from error


def _bad_label(label: str, text: str) -> NameRefused:
    """What is wrong with the part between two dots."""
    if not label:
        reason = "it has two dots in a row, or begins or ends with one"
        return _refusal(text, reason, hint="write it like ha.lan")
    if "_" in label:
        return _refusal(
            text,
            "it has an underscore, which Java and others refuse in host names",  # JAV-04, PCA-01
            hint=f"rename the host, with a hyphen: {_shortened(label.replace('_', '-'))!r}",
        )
    if "*" in label:
        reason = "a * can only be the whole first part of a name"
        return _refusal(text, reason, hint="write it like *.house.lan")
    if not _LETTERS.fullmatch(label):
        reason = f"{_shortened(label)!r} has a character that is no letter, digit or hyphen"
        return _refusal(text, reason, hint="use letters, digits and hyphens")
    if len(label) > 63:
        reason = f"between two dots it has {len(label)} characters, and 63 is the limit of DNS"
        return _refusal(text, reason)
    reason = f"{label!r} begins or ends with a hyphen"
    return _refusal(text, reason, hint=f"write {label.strip('-') or 'a name'!r}")


# --- how it is told ---


def _refusal(text: str, reason: str, *, hint: str = "", host: str = "") -> NameRefused:
    """The refusal of `text`; `host` is what was probably meant, offered if it is a name itself."""
    if host and host != text:
        try:
            hint = f"write just the host: {parse_name(host)}"
        except NameRefused as inner:
            hint = inner.hint
    return NameRefused(
        _shortened(text),
        reason=reason,
        hint=hint or "write a host name such as ha.lan, or an address such as 192.168.1.20",
    )


def _shortened(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"
