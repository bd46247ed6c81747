"""In the place of an ACME CA, and of the DNS: signs at once what it is asked for.

Not real here is all that is between a name and its certificate: tests/public has that, and
tests/inside/test_public_road.py the whole. What the house makes of it is real.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from housekey.errors import HousekeyError
from housekey.pki.constraints import DEFAULT_CONSTRAINTS
from housekey.pki.encoding import certificate_to_pem
from housekey.pki.issuing import issue_leaf
from housekey.pki.keys import PrivateKey
from housekey.public.account import About
from housekey.public.credentials import keep
from housekey.public.order import Obtained
from housekey.public.providers import provider
from housekey.public.settings import PublicSettings
from tests.pki.houses import A_DAY, NOW, a_house, names

NAME = "home.duckdns.org"
NAMES = (NAME, "second.duckdns.org", "third.duckdns.org", "ha.example.org")  # it may speak for
DIRECTORY = "https://ca.example.org/dir"
TERMS = "https://ca.example.org/terms"
TOKEN = "a-token-that-nobody-may-read"


class FakeCa:
    """One CA, and what was asked of it."""

    def __init__(self) -> None:
        self.tiers = a_house(
            constraints=DEFAULT_CONSTRAINTS.widened(names(*NAMES)), born=NOW - 30 * A_DAY
        )
        self.root_pem = certificate_to_pem(self.tiers.root.certificate).decode()
        self.orders: list[str] = []  # why each was made
        self.asked = 0  # how often it was asked for one, given or not
        self.days = 90
        self.trouble: HousekeyError | None = None
        self.told = About(
            name="ca.example.org",
            terms=TERMS,
            needs_eab=False,
            profiles=(),
            suggests_renewal=False,
        )
        self._ready: Obtained | None = None

    @property
    def settings(self) -> PublicSettings:
        """What a house has settled with it."""
        return PublicSettings(
            names=(NAME,),
            directory=DIRECTORY,
            provider="duckdns",
            roots_pem=self.root_pem,
            terms=TERMS,
        )

    async def about(self, _access: Any, _settings: PublicSettings) -> About:
        """In the place of `ordering.async_about`."""
        if self.trouble is not None:
            raise self.trouble
        return self.told

    async def prepare(self, authority: Any, plan: Any) -> bool:
        """In the place of `PublicAuthority.prepare`."""
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        house = authority._house
        if self._ready is None and plan.issue is not None:
            self.orders.append(plan.issue)
            present = house.leaf(authority._label)
            key = PrivateKey.generate(plan.key_type)
            if plan.reuse_key and present is not None:
                key = PrivateKey.from_pem(present.key_pem.reveal())
            certificate = issue_leaf(
                public_key=key.public_key,
                names=authority._settings.dns_names,
                issuer=self.tiers.issuing,
                now=house.clock(),
                days=self.days,
            )
            self._ready = Obtained((certificate, self.tiers.issuing.certificate), key)
        authority._obtained = self._ready
        if authority._given.credentials is not None:
            described = provider(authority._settings.provider)
            keep(house.folder, described, authority._given.credentials, files=house.files)
        return True

    def taken(self, _house: Any) -> None:
        """In the place of `housekey.public.order.taken`."""
        self._ready = None

    def without_terms(self) -> None:
        """Let it register everybody."""
        self.told = replace(self.told, terms=None)
