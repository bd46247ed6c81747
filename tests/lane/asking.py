"""Requests for the rules' tests: who asks, and what the lane says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from custom_components.housekey.lane_rules import Decision, Https, asked, decide
from housekey.pki.names import parse_name

if TYPE_CHECKING:
    from collections.abc import Iterable

NAMES = ("homeassistant.local", "192.168.1.5", "fd00::5", "*.house.lan", "localhost")
HTTPS = Https(8443, frozenset(map(parse_name, NAMES)), parse_name("homeassistant.local"))
HOST = {"Host": "192.168.1.5:8123"}
# As they come, without what makes no difference here.
CHROME = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Upgrade-Insecure-Requests": "1",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/143.0 Safari/537.36",
}
ESPHOME = {"User-Agent": "ESP32 HTTP Client/1.0"}
SONOS = {"User-Agent": "Linux UPnP/1.0 Sonos/85.0 (ZPS13)", "Connection": "close"}
CAST = {
    "User-Agent": "Mozilla/5.0 (X11; Linux armv7l) AppleWebKit/537.36 Chrome/120.0 CrKey/1.56",
    "Accept": "*/*",
    "Origin": "https://www.gstatic.com",
}
JAVA = {
    "User-Agent": "Java-http-client/21",
    "Connection": "Upgrade, HTTP2-Settings",
    "Upgrade": "h2c",
    "HTTP2-Settings": "AAEAAEAA",
    "Accept": "text/html, image/gif, image/jpeg, */*; q=0.2",
}
DEVICES: tuple[Mapping[str, str], ...] = (ESPHOME, SONOS, CAST, JAVA, {})
PHONES_WEBHOOK = "0" * 64


def say(
    target: str,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    *,
    method: str = "GET",
    local: bool = True,
) -> Decision:
    """What the lane decides, for a client that uses the address."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return decide(
        asked(method, target, [*HOST.items(), *pairs], local=local),
        HTTPS,
        is_phones=lambda webhook_id: webhook_id == PHONES_WEBHOOK,
    )
