"""From tiers to a case: which certificates exist, who signed them, what is sent and trusted."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from housekey.pki.names import DnsName, IpName, Name
from housekey.platforms.model import Question
from tests.engines.forge import ISSUING, LEAF, ROOT, Forged, Tier, forge, key_pem
from tests.engines.model import Case

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes cases that are about one time."""

    at: datetime

    def __call__(self, id_: str, *rules: str, **chain: Any) -> Case:
        """Return a case; `chain` is as in `_case`, so that a tier can be named by a variable."""
        return self._case(id_, rules, **chain)

    def _case(
        self,
        id_: str,
        rules: tuple[str, ...],
        *,
        name: str = "ha.lan",
        leaf: Tier = LEAF,
        issuing: Tier | None = ISSUING,
        root: Tier = ROOT,
        extra: Mapping[str, tuple[Tier, str]] | None = None,
        leaf_by: str = "",
        send: str = "",
        trust: str = "root",
        note: str = "",
    ) -> Case:
        """Return a case: root → issuing CA → leaf, or root → leaf without an issuing CA.

        `extra` are further certificates by name, each with who signs it ("" signs itself).
        `send` is what the server presents, by name; `trust` what the client does, "" nothing.
        """
        made: dict[str, Forged] = {"root": forge(root, by=None, at=self.at)}
        if issuing is not None:
            made["issuing"] = forge(issuing, by=made["root"], at=self.at)
        for each, (tier, signer) in (extra or {}).items():
            made[each] = forge(tier, by=made[signer] if signer else None, at=self.at)
        by = leaf_by or ("issuing" if issuing is not None else "root")
        made["leaf"] = forge(leaf, by=None if by == "leaf" else made[by], at=self.at)
        sent = send.split() or (["leaf", "issuing"] if issuing is not None else ["leaf"])
        return Case(
            id=id_,
            question=Question(
                chain=tuple(made[each].der for each in sent),
                root=made[trust].der if trust else None,
                name=name_of(name),
                at=self.at,
            ),
            key=key_pem(leaf),
            rules=rules,
            note=note,
        )


def name_of(text: str) -> Name:
    """The name as a client is asked for it; nothing is refused or evened out."""
    try:
        return IpName(ip_address(text))
    except ValueError:
        return DnsName(text)
