"""A stand-in for the integration's own `__init__.py`, in the tests of the panel.

The panel, its commands and its texts are the real ones, in a real Home Assistant. What they show
is not a house but a scene that the test chooses: a service changes it. Not imported here; copied
into the folder of the Home Assistant under test.
"""
# mypy: ignore-errors
# ruff: noqa: E402

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from .library import put_on_path

put_on_path()

from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator

from . import panel, websocket_api
from .model import Delivery, Device, Problem, ProblemKind, Snapshot, Stage

_NOW = datetime(2026, 11, 29, 9, 30, tzinfo=UTC)
_KEPT = Snapshot(
    at=_NOW,
    root_name="Home of Ada root 2026",
    root_sha256="3f9ac1d27be05864a1f0c3d95e7b2846f1de09ab7c3520e8d46b91f7a05c2e73",
    root_ends=_NOW + timedelta(days=3611),
    issuing_ends=_NOW + timedelta(days=3611),
    leaf_ends=_NOW + timedelta(days=312),
    leaf_renews=_NOW + timedelta(days=180),
    names=("homeassistant.local", "homeassistant.fritz.box", "192.168.1.20", "fd12:3456:789a::20"),
    devices=(
        Device("iphone", "safari", _NOW - timedelta(days=38, hours=2)),
        Device("windows", "firefox", _NOW - timedelta(days=37, hours=14)),
        Device("ipad", "home-assistant", _NOW - timedelta(days=11, hours=3)),
        Device("android", "chrome", _NOW - timedelta(hours=1)),
    ),
    stage=Stage.KEPT,
    reason="",
    delivery=Delivery.LIVE,
    onboarding_urls=(),
    home_assistant_url="https://homeassistant.local:8123",
    root_begins=_NOW - timedelta(days=39),
    leaf_begins=_NOW - timedelta(days=85),
)
_NEW = replace(
    _KEPT, leaf_ends=None, leaf_renews=None, names=(), devices=(), home_assistant_url=None
)
_TOO_LATE = "no client completed HTTPS within five minutes"
SCENES = {
    "kept": _KEPT,
    "plain": replace(_NEW, stage=Stage.PLAIN, delivery=Delivery.NONE),
    "staged": replace(_KEPT, stage=Stage.STAGED, delivery=Delivery.NONE, devices=()),
    "trial": replace(_KEPT, stage=Stage.TRIAL),
    "reverted": replace(
        _NEW,
        stage=Stage.REVERTED,
        reason=_TOO_LATE,
        delivery=Delivery.NONE,
        problems=(Problem(ProblemKind.NOT_PROMOTED, (("reason", _TOO_LATE),), fixable=True),),
    ),
    "troubled": replace(
        _KEPT,
        delivery=Delivery.RESTART,
        leaf_ends=_NOW + timedelta(days=1),
        leaf_renews=_NOW - timedelta(days=20),
        leaf_begins=None,
        root_begins=None,
        problems=(
            *(
                Problem(
                    kind,
                    (
                        ("ends", "2026-11-30"),
                        ("reason", "the disk is full"),
                        ("names", "192.168.1.77"),
                        ("file", "configuration.yaml"),
                        ("files", "/config/ssl/fullchain.pem"),
                        ("port", "8125"),
                    ),
                )
                for kind in ProblemKind
            ),
            # What a click may mend has another text.
            Problem(
                ProblemKind.EXPIRING,
                (("ends", "2026-11-30"), ("reason", "no network")),
                fixable=True,
            ),
        ),
    ),
    "ended": replace(_KEPT, leaf_ends=_NOW - timedelta(days=3), leaf_renews=_NOW),
}


class StandInCoordinator(DataUpdateCoordinator):
    """Does as the seam says, to a scene instead of to a house."""

    async def async_start_onboarding(self):
        urls = ("http://192.168.1.20:8125/", "http://homeassistant.local:8125/")
        self.async_set_updated_data(replace(self.data, onboarding_urls=urls))
        return urls

    async def async_stop_onboarding(self):
        self.async_set_updated_data(replace(self.data, onboarding_urls=()))

    async def async_renew(self, *, force=False):
        if not force:
            raise HomeAssistantError("the panel must ask for one even when none is due")
        if self.data.problems:
            raise HomeAssistantError("the disk is full")
        ends = self.data.at + timedelta(days=397)
        self.async_set_updated_data(replace(self.data, leaf_ends=ends, leaf_begins=self.data.at))


async def async_setup(hass, config):
    """Show the panel without an entry, as `async_setup_entry` shows it with one."""
    await panel.async_setup(hass)
    websocket_api.async_setup(hass)
    coordinator = StandInCoordinator(
        hass, logging.getLogger(__name__), name="stand-in", config_entry=None
    )
    coordinator.data = _KEPT
    leave = websocket_api.async_follow(hass, coordinator)
    await panel.async_show(hass)

    async def show(call):
        nonlocal leave
        if leave:
            leave()
            leave = None
        if call.data["scene"] != "gone":
            coordinator.data = SCENES[call.data["scene"]]
            leave = websocket_api.async_follow(hass, coordinator)

    hass.services.async_register("housekey", "show_scene", show)
    return True
