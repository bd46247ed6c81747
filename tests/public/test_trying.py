"""Other credentials for the DNS are tried out with a record that is gone again after it."""

from __future__ import annotations

import asyncio

import pytest

from housekey.errors import DnsFailed, DnsNotShown
from housekey.public.trying import try_out
from tests.public.knot import Knot
from tests.public.parts import TestWorld, records_in, settings

RECORD = "_acme-challenge.home.test"


@pytest.mark.parametrize("must_show", [False, True])
def test_a_provider_that_takes_a_record_and_shows_it_late_is_good_enough_if_it_was_before(
    must_show: bool,
) -> None:
    """A new one might serve nobody at all: of that one it must be seen."""
    with Knot(zones=["home.test"], secondaries=1, lag=True) as knot:
        before, world = knot.lookup("home.test", "SOA"), TestWorld()
        records = records_in(knot, world=world, seconds=0.2)
        trial = try_out(records, settings(), must_show=must_show, world=world)
        if must_show:
            with pytest.raises(DnsNotShown):
                asyncio.run(trial)
        else:
            asyncio.run(trial)
        assert world.told == ([] if must_show else [("tried", f"ddns takes records for {RECORD}")])
        assert knot.lookup("home.test", "SOA") != before
        assert knot.lookup(RECORD) == ()


def test_one_that_refuses_is_told_and_nothing_is_said_to_stay_behind() -> None:
    with Knot(zones=["home.test"]) as knot:
        world = TestWorld()
        records = records_in(knot, world=world, credentials=knot.wrong_credentials)
        with pytest.raises(DnsFailed, match="did not change the TXT record"):
            asyncio.run(try_out(records, settings(), must_show=False, world=world))
        assert world.told == []
