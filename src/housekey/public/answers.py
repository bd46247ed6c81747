"""What is in an answer of the DNS. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dns.message import Message
    from dns.name import Name


def owner_of_soa(answer: Message | None, name: str) -> str | None:
    """The zone by an answer about SOA (RFC 2308 2: an empty one carries it beside the answer)."""
    import dns.rdatatype  # noqa: PLC0415 - only when an order is made

    for rrset in [*answer.answer, *answer.authority] if answer else ():
        if rrset.rdtype == dns.rdatatype.SOA:
            owner = text_of(rrset.name)
            # Behind a CNAME it is the zone of the target.
            if name == owner or name.endswith(f".{owner}"):
                return owner
    return None


def rdatas(answer: Message | None, name: str | None, kind: str) -> list[Any]:
    """The records of a kind; of `name` alone, or of whatever a CNAME led to as well (None)."""
    import dns.rdatatype  # noqa: PLC0415 - only when an order is made

    wanted = dns.rdatatype.from_text(kind)
    return [
        rdata
        for rrset in (answer.answer if answer else ())
        if rrset.rdtype == wanted and name in (None, text_of(rrset.name))
        for rdata in rrset
    ]


def text_of(name: Name) -> str:
    """A name as it is written here: in lower case, without the dot at its end."""
    return name.to_text(omit_final_dot=True).lower()


def value_of(rdata: Any) -> str:
    """What a TXT, CNAME, A or AAAA record says."""
    if hasattr(rdata, "strings"):  # a TXT record is cut into strings of 255 bytes at most
        return b"".join(rdata.strings).decode(errors="replace")
    return text_of(rdata.target) if hasattr(rdata, "target") else str(rdata.address)
