"""The plan: only what is missing is done, and never in a way that could stop Home Assistant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from housekey.homeassistant.plan import (
    Facts,
    LeafFacts,
    Pair,
    PublicName,
    Road,
    Wanted,
    plan,
)
from housekey.pki.keys import KeyType
from housekey.pki.names import DnsName, parse_name

NOW = datetime(2026, 11, 23, tzinfo=UTC)
FOLDER = Path("/config")
PAIR = Pair(FOLDER / "certificate.pem", FOLDER / "privkey.pem")
SECOND = Pair(FOLDER / "certificate-2.pem", FOLDER / "privkey-2.pem")
THEIRS = Pair(FOLDER / "fullchain.pem", FOLDER / "key.pem")
NAMES = (parse_name("homeassistant.local"), parse_name("192.168.1.20"))
HOST = DnsName("homeassistant.local")

LEAF = LeafFacts(
    names=NAMES,
    not_before=NOW - timedelta(days=1),
    not_after=NOW + timedelta(days=396),
    key_type=KeyType.ECDSA_P256,
    sha256="aa",
    by_this_house=True,
)
FRESH = Facts(
    now=NOW,
    road=Road.TRIAL,
    leaf=None,
    configured=None,
    configured_port=8123,
    on_trial=None,
    on_trial_port=None,
    names_in_use=frozenset(),
    key_is_ours=False,
    certificate_is_ours=False,
    presents=None,
    stale_yaml=False,
    internal_url=None,
)
SECURED = replace(
    FRESH,
    leaf=LEAF,
    configured=PAIR,
    names_in_use=frozenset({PAIR.certificate, PAIR.key}),
    key_is_ours=True,
    certificate_is_ours=True,
    presents="aa",
    internal_url="https://homeassistant.local:8123",
)
WANTED = Wanted(names=NAMES, dropped=(), url_host=HOST, pair=PAIR)
ROADS = pytest.mark.parametrize("road", list(Road))


def test_a_fresh_one_on_the_trial_road_is_tried_and_promoted() -> None:
    drawn = plan(FRESH, WANTED)
    assert drawn.issue
    assert drawn.write
    assert (drawn.configure, drawn.promote) == (True, True)
    assert (drawn.edit_yaml, drawn.restart) == (False, False)
    assert drawn.pair == PAIR
    assert drawn.internal_url == "https://homeassistant.local:8123"


def test_a_fresh_one_on_the_yaml_road_is_edited_and_restarted() -> None:
    drawn = plan(replace(FRESH, road=Road.YAML), WANTED)
    assert (drawn.edit_yaml, drawn.restart) == (True, True)
    assert (drawn.configure, drawn.promote) == (False, False)


@ROADS
def test_a_secured_one_needs_nothing(road: Road) -> None:
    assert plan(replace(SECURED, road=road), WANTED).empty


@ROADS
def test_fewer_names_than_it_has_are_no_reason_for_a_new_one(road: Road) -> None:
    assert plan(replace(SECURED, road=road), replace(WANTED, names=NAMES[:1])).empty


@ROADS
def test_a_new_name_takes_a_new_leaf_for_the_same_key_in_the_same_place(road: Road) -> None:
    more = (*NAMES, parse_name("192.168.1.21"))
    drawn = plan(replace(SECURED, road=road), replace(WANTED, names=more))
    assert drawn.issue == "new names: 192.168.1.21"
    assert drawn.reuse_key
    assert drawn.pair == PAIR
    assert drawn.restart
    assert not any((drawn.configure, drawn.edit_yaml))


@ROADS
def test_another_key_goes_to_files_that_nothing_names_yet(road: Road) -> None:
    drawn = plan(replace(SECURED, road=road), replace(WANTED, key_type=KeyType.RSA_2048))
    assert not drawn.reuse_key
    assert drawn.pair == SECOND
    assert drawn.configure or drawn.edit_yaml


@ROADS
def test_the_users_own_pair_that_is_being_served_is_never_overwritten(road: Road) -> None:
    facts = replace(
        FRESH,
        road=road,
        configured=PAIR,
        names_in_use=frozenset({PAIR.certificate, PAIR.key}),
        presents="theirs",
    )
    drawn = plan(facts, WANTED)
    assert drawn.pair == SECOND
    assert drawn.write


def test_the_users_own_pair_under_other_names_stays_and_the_default_names_are_used() -> None:
    facts = replace(
        FRESH, configured=THEIRS, names_in_use=frozenset({THEIRS.certificate, THEIRS.key})
    )
    assert plan(facts, WANTED).pair == PAIR


def test_a_leaf_is_renewed_when_a_third_of_its_life_is_left_and_not_before() -> None:
    life = LEAF.not_after - LEAF.not_before
    turn = LEAF.not_after - life / 3
    before = plan(replace(SECURED, now=turn - timedelta(seconds=1)), WANTED)
    after = plan(replace(SECURED, now=turn), WANTED)
    assert before.empty
    assert after.issue == "two thirds of its life are over"


def test_a_cut_short_trial_is_continued_where_it_stands() -> None:
    facts = replace(
        SECURED,
        configured=None,
        on_trial=PAIR,
        on_trial_port=8123,
        internal_url=None,
    )
    drawn = plan(facts, WANTED)
    assert drawn.promote
    assert not any((drawn.issue, drawn.write, drawn.configure, drawn.restart))


def test_a_yaml_switch_whose_restart_is_still_owed_only_needs_the_restart() -> None:
    facts = replace(SECURED, road=Road.YAML, presents=None)
    drawn = plan(facts, WANTED)
    assert drawn.restart
    assert not any((drawn.issue, drawn.write, drawn.edit_yaml))


@ROADS
def test_a_file_that_was_lost_is_written_again(road: Road) -> None:
    drawn = plan(replace(SECURED, road=road, certificate_is_ours=False), WANTED)
    assert drawn.write
    assert not drawn.issue


def test_port_80_becomes_443_unless_told_otherwise() -> None:
    facts = replace(FRESH, configured_port=80)
    assert plan(facts, WANTED).port == 443
    assert plan(facts, replace(WANTED, port=80)).port == 80
    assert plan(facts, WANTED).internal_url == "https://homeassistant.local"
    assert plan(FRESH, replace(WANTED, port=8443)).port == 8443


def test_a_move_to_another_port_is_a_change_of_the_configuration() -> None:
    drawn = plan(SECURED, replace(WANTED, port=443))
    assert drawn.configure
    assert not drawn.issue
    assert drawn.pair == PAIR


def test_the_stale_yaml_block_is_removed_even_when_nothing_else_is_due() -> None:
    drawn = plan(replace(SECURED, stale_yaml=True), WANTED)
    assert drawn.remove_stale_yaml
    assert not drawn.touches_server
    assert not drawn.empty


def test_an_internal_url_that_leads_there_is_left_as_it_is_written() -> None:
    facts = replace(SECURED, internal_url="https://HomeAssistant.local:8123/")
    assert plan(facts, WANTED).empty


@pytest.mark.parametrize(
    "url", [None, "http://homeassistant.local:8123", "https://192.168.1.20:8123"]
)
def test_an_internal_url_that_home_assistant_would_not_use_is_replaced(url: str | None) -> None:
    drawn = plan(replace(SECURED, internal_url=url), WANTED)
    assert drawn.internal_url == "https://homeassistant.local:8123"


def test_without_a_host_name_no_internal_url_is_set() -> None:
    facts = replace(SECURED, internal_url=None)
    assert plan(facts, replace(WANTED, url_host=None)).empty


def test_a_leaf_of_another_house_is_replaced_by_a_new_pair() -> None:
    facts = replace(SECURED, leaf=replace(LEAF, by_this_house=False))
    drawn = plan(facts, WANTED)
    assert drawn.issue
    assert not drawn.reuse_key
    assert drawn.pair == SECOND


def test_after_a_rotation_the_key_that_is_served_is_signed_again() -> None:
    """One rename, and no restart where the integration is: see "A pair that is configured"."""
    drawn = plan(replace(SECURED, leaf=replace(LEAF, current=False)), WANTED)
    assert drawn.issue == "the house has a new root or issuing CA"
    assert drawn.reuse_key
    assert drawn.pair == SECURED.configured


def test_after_a_leak_no_key_is_used_again_even_if_that_is_wished_for() -> None:
    leaked = replace(SECURED, leaf=replace(LEAF, current=False, leaked=True))
    for keep_key in (None, True):
        drawn = plan(leaked, replace(WANTED, keep_key=keep_key))
        assert drawn.issue
        assert not drawn.reuse_key
        assert drawn.pair == SECOND


def test_the_plan_can_be_told_in_plain_words() -> None:
    assert plan(SECURED, WANTED).told() == ("do nothing: all is as wanted",)
    told = plan(replace(FRESH, stale_yaml=True), WANTED).told()
    assert len(told) == 7
    assert all(line[0].islower() for line in told)


# A public name

PUBLIC = PublicName((DnsName("ha.example.org"), DnsName("www.example.org")), from_outside=False)
OUTSIDE = replace(PUBLIC, from_outside=True)


@pytest.mark.parametrize(
    ("now", "public", "wanted"),
    [
        # None is set: only a name that leads to an address of the internet is one.
        (None, PUBLIC, None),
        (None, OUTSIDE, "https://ha.example.org:8123"),
        (None, None, None),
        # It is this name over http, which nobody answers any more; a router's port stays.
        ("http://ha.example.org:8123", PUBLIC, "https://ha.example.org:8123"),
        ("http://HA.example.org:8123/", PUBLIC, "https://ha.example.org:8123"),
        ("http://www.example.org:9000", OUTSIDE, "https://www.example.org:9000"),
        ("http://ha.example.org", PUBLIC, "https://ha.example.org:80"),
        # It is good, or somebody else's.
        ("https://ha.example.org", OUTSIDE, None),
        ("https://abc.ui.nabu.casa", OUTSIDE, None),
        ("http://other.example.org:8123", OUTSIDE, None),
        ("http://ha.example.org:8123", None, None),
    ],
)
def test_an_external_url_is_set_only_where_it_is_right(
    now: str | None, public: PublicName | None, wanted: str | None
) -> None:
    drawn = plan(replace(SECURED, external_url=now), replace(WANTED, public=public))
    assert drawn.external_url == wanted
    assert drawn.empty is (wanted is None)
    assert drawn.without_urls.empty


def test_the_port_of_home_assistant_goes_with_it_when_it_moves() -> None:
    facts = replace(SECURED, external_url="http://ha.example.org", configured_port=80)
    assert plan(facts, replace(WANTED, public=PUBLIC)).external_url == "https://ha.example.org"


def test_a_road_that_the_house_has_not_settled_is_something_to_do() -> None:
    drawn = plan(replace(SECURED, settled=False), replace(WANTED, signer="Let's Encrypt"))
    assert (drawn.empty, drawn.settle, drawn.issue) == (False, True, None)
    assert drawn.told() == ("keep that Let's Encrypt signs from now on",)
    first = plan(replace(FRESH, settled=False), replace(WANTED, signer="Let's Encrypt"))
    assert "get a certificate from Let's Encrypt, ECDSA P-256 (the first certificate)" in (
        first.told()
    )
