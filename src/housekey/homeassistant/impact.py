"""What a certificate of one's own breaks, told before the switch.

Home Assistant's own interfaces are not affected, nor are apps, MQTT, ESPHome's native API and
Home Assistant Cloud. What is affected calls Home Assistant by itself, over the network, and has
no place where a root could be added.

The table holds the integrations that hand an address of Home Assistant to something on the local
network: in the source of 2026.11.0, `components/DOMAIN/…` calls `async_process_play_media_url`
(players), `webhook.async_generate_url` or `get_url` (callbacks). Those that only take an external
address (`allow_internal=False`) or go through a cloud are left out: they need a publicly trusted
certificate before and after.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Kind(StrEnum):
    """What something affected does with Home Assistant."""

    PLAYER = "player"
    CALLBACK = "callback"
    LOCAL_FULFILMENT = "local-fulfilment"
    VOICE = "voice"


@dataclass(frozen=True, slots=True)
class Impact:
    """One configured integration that the switch affects."""

    domain: str
    kind: Kind
    effect: str  # for people
    remedy: str  # for people
    source: str  # where it is known from

    @property
    def words(self) -> str:
        """Which text `effect` is, for who has it in other languages."""
        if self.domain in _OWN_WORDS:
            return self.domain
        return "program" if self.domain in _PROGRAMS else self.kind.value


_PLAYER_EFFECT = "fetches speech and media from Home Assistant, and will refuse its certificate"
_PLAYER_REMEDY = (
    "no root can be added to it: without a publicly trusted certificate it no longer plays"
    " media and speech from Home Assistant"
)
_PROGRAM_EFFECT = "fetches speech and media from Home Assistant, and does not know the root yet"
_PROGRAM_REMEDY = "it runs on a computer: make that computer trust the root"
_CALLBACK_EFFECT = "reports to Home Assistant by itself, and may refuse its certificate"
_CALLBACK_REMEDY = "its events may come late or not at all; polling goes on where it has it"

# PLATFORMS.md section 7 for cast (DEV-01: the Home Assistant cast documentation, core #10582) and
# sonos (DEV-02: core #4979, #5064, #16140, #36798); for all: components/DOMAIN/media_player.py
# calls async_process_play_media_url (lametric: helpers.py), read in 2026.11.0.
# Without those that play through Home Assistant's own process or read its disk (apple_tv fetches
# in pyatv, inside Home Assistant), and without those that a computer's trust store helps.
_PLAYERS = (
    "bang_olufsen",
    "bluesound",
    "cast",
    "dlna_dmr",
    "dunehd",
    "fully_kiosk",
    "heos",
    "lametric",
    "linkplay",
    "openhome",
    "panasonic_viera",
    "roku",
    "slimproto",
    "sonos",
    "soundtouch",
    "unifiprotect",
    "wiim",
    "yamaha_musiccast",
)
# The same call; what fetches is a program on a computer of the user's own.
_PROGRAMS = ("forked_daapd", "kodi", "mpd", "music_assistant", "squeezebox", "vlc_telnet")
# domain -> the file of components/DOMAIN/ that hands out the address, read in 2026.11.0.
_CALLBACKS = {
    "doorbird": "device.py",
    "ecowitt": "config_flow.py",
    "ekeybionyx": "config_flow.py",
    "loqed": "coordinator.py",
    "motioneye": "__init__.py",
    "nasweb": "nasweb_data.py",
    "nuki": "__init__.py",
    "onvif": "event_manager.py",
    "reolink": "host.py",
    "tedee": "__init__.py",
    "vegehub": "config_flow.py",
    "watergate": "__init__.py",
}
_OWN_WORDS = {
    "ecowitt": (
        "the weather station is given a host, a port and a path, and sends plain http there",
        "it needs a plain http address: a reverse proxy in front of Home Assistant",
    ),
    "reolink": (
        "the camera cannot report over https; Home Assistant raises a repair for it",
        "events come over the camera's own connection or by polling instead, a little later",
    ),
}

AFFECTED: dict[str, Impact] = {
    impact.domain: impact
    for impact in (
        *(
            Impact(
                domain,
                Kind.PLAYER,
                _PLAYER_EFFECT,
                _PLAYER_REMEDY,
                f"2026.11.0 components/{domain}: async_process_play_media_url",
            )
            for domain in _PLAYERS
        ),
        *(
            Impact(
                domain,
                Kind.PLAYER,
                _PROGRAM_EFFECT,
                _PROGRAM_REMEDY,
                f"2026.11.0 components/{domain}/media_player.py: async_process_play_media_url",
            )
            for domain in _PROGRAMS
        ),
        *(
            Impact(
                domain,
                Kind.CALLBACK,
                *_OWN_WORDS.get(domain, (_CALLBACK_EFFECT, _CALLBACK_REMEDY)),
                f"2026.11.0 components/{domain}/{file}: the address it hands out",
            )
            for domain, file in _CALLBACKS.items()
        ),
        Impact(
            "konnected",
            Kind.CALLBACK,
            _CALLBACK_EFFECT,
            _CALLBACK_REMEDY,
            "2024.3.3 components/konnected/panel.py: the address it hands out",
        ),
        Impact(
            "google_assistant",
            Kind.LOCAL_FULFILMENT,
            "Home Assistant switches local fulfilment off under https: commands go through Google",
            "nothing to do: commands work as before, a little slower",
            "2026.11.0 components/google_assistant/helpers.py: async_enable_local_sdk, use_ssl",
        ),
        Impact(
            "esphome",
            Kind.VOICE,
            "voice satellites and media players fetch speech from Home Assistant, and do not know"
            " the root; everything else of ESPHome is unaffected",
            "name the root in the device's http_request: ca_certificate_path",
            "2026.11.0 components/esphome/assist_satellite.py: get_url",
        ),
    )
}

_SUMMARY = {
    Kind.PLAYER: (
        "plays media from Home Assistant and will not know the new certificate",
        "play media from Home Assistant and will not know the new certificate",
    ),
    Kind.CALLBACK: (
        "reports to Home Assistant and may refuse the new certificate",
        "report to Home Assistant and may refuse the new certificate",
    ),
    Kind.LOCAL_FULFILMENT: ("loses its local shortcut", "lose their local shortcut"),
    Kind.VOICE: (
        "has voice satellites that may not know the new certificate",
        "have voice satellites that may not know the new certificate",
    ),
}


def affected(domains: Iterable[str]) -> tuple[Impact, ...]:
    """Return what the switch affects among the configured integrations, each once, by kind."""
    found = {AFFECTED[domain] for domain in domains if domain in AFFECTED}
    order = list(Kind)
    return tuple(sorted(found, key=lambda impact: (order.index(impact.kind), impact.domain)))


def summary(impacts: Iterable[Impact]) -> tuple[str, ...]:
    """Return one line for each kind: how many, what happens, which."""
    impacts = tuple(impacts)
    lines = []
    for kind in Kind:
        domains = [impact.domain for impact in impacts if impact.kind is kind]
        if domains:
            one, several = _SUMMARY[kind]
            what = f"integration {one}" if len(domains) == 1 else f"integrations {several}"
            lines.append(f"{len(domains)} {what}: {', '.join(domains)}")
    return tuple(lines)
