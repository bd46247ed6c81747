"""What the switch breaks, and what it leaves alone."""

from __future__ import annotations

import re

import pytest

from housekey.homeassistant.impact import AFFECTED, Kind, affected, summary


def test_the_summary_of_two_players_reads_as_promised() -> None:
    (line,) = summary(affected(["sonos", "mqtt", "cast", "sun", "cast"]))
    assert line == (
        "2 integrations play media from Home Assistant"
        " and will not know the new certificate: cast, sonos"
    )


def test_every_kind_has_a_line_of_its_own_in_a_fixed_order() -> None:
    lines = summary(affected(["esphome", "google_assistant", "reolink", "nuki", "cast"]))
    assert [line.rpartition(": ")[2] for line in lines] == [
        "cast",
        "nuki, reolink",
        "google_assistant",
        "esphome",
    ]
    assert lines[0].startswith("1 integration plays media")
    assert lines[1].startswith("2 integrations report to")


# HOME-ASSISTANT.md's list: unaffected are MQTT and Home Assistant Cloud; aioshelly tells its
# devices not to look at the certificate.
@pytest.mark.parametrize("domain", ["mqtt", "cloud", "zha", "hue", "shelly", "telegram_bot"])
def test_what_does_not_fetch_from_home_assistant_is_not_affected(domain: str) -> None:
    assert affected([domain]) == ()


@pytest.mark.parametrize(
    ("domain", "kind"),
    [
        ("cast", Kind.PLAYER),
        ("sonos", Kind.PLAYER),
        ("google_assistant", Kind.LOCAL_FULFILMENT),
        ("reolink", Kind.CALLBACK),
        ("nuki", Kind.CALLBACK),
        ("ecowitt", Kind.CALLBACK),
        ("konnected", Kind.CALLBACK),
        ("esphome", Kind.VOICE),
    ],
)
def test_what_is_known_to_break_is_told(domain: str, kind: Kind) -> None:
    (impact,) = affected([domain])
    assert impact.kind is kind


def test_every_claim_carries_its_source_and_says_what_to_do() -> None:
    for domain, impact in AFFECTED.items():
        assert impact.domain == domain
        assert re.fullmatch(r"20\d\d\.\d+\.\d components/\w+[/:].+", impact.source), impact
        assert domain in impact.source
        assert impact.effect
        assert impact.remedy
