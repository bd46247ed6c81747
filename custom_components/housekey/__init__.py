"""housekey in Home Assistant: HTTPS that every device of the house accepts, and keeps.

Home Assistant imports this package in its import executor. The library is put on the path first:
every other module of the integration imports it at its top.
"""

# ruff: noqa: E402 - see above

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .library import put_on_path

put_on_path()

import logging
from functools import partial
from pathlib import Path

from homeassistant.const import Platform
from homeassistant.core import callback
from homeassistant.exceptions import ConfigEntryNotReady, HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.start import async_at_started

from . import issues, panel, websocket_api
from .actions import async_setup_actions
from .const import CONF_SWITCH, DOMAIN
from .coordinator import HousekeyCoordinator
from .deadline import deadline
from .house_access import HouseAccess
from .model import Stage
from .outgoing import OutgoingTrust, async_forget_twins
from .runtime import HousekeyData
from .way_back import WayBack

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.typing import ConfigType

    from .runtime import HousekeyEntry

_LOGGER = logging.getLogger(__name__)
PLATFORMS = [Platform.BINARY_SENSOR, Platform.BUTTON, Platform.EVENT, Platform.SENSOR]
CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, _config: ConfigType) -> bool:
    """Register what outlives an entry."""
    async_setup_actions(hass)
    websocket_api.async_setup(hass)
    await panel.async_setup(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: HousekeyEntry) -> bool:
    """Open the house and look; raises ConfigEntryNotReady while it cannot be opened."""
    access = HouseAccess(Path(hass.config.config_dir))
    issues.async_withdraw_way_back(hass)
    # Before the house is opened: an unproven trial ends, whatever has become of the house.
    await deadline(hass, access).async_look()
    coordinator = HousekeyCoordinator(hass, entry, access)
    try:
        await coordinator.async_config_entry_first_refresh()
    except ConfigEntryNotReady:
        issues.async_show(hass, [coordinator.broken] if coordinator.broken else [])
        raise
    entry.runtime_data = HousekeyData(coordinator)
    entry.async_on_unload(coordinator.async_watch())
    entry.async_on_unload(coordinator.switch.async_stop)
    entry.async_on_unload(coordinator.renewal.async_stop)
    entry.async_on_unload(coordinator.async_add_listener(coordinator.lane.async_follow))
    if coordinator.settings.trust_outgoing and coordinator.house is not None:
        outgoing = OutgoingTrust(hass, coordinator.house.roots)
        entry.async_on_unload(outgoing.remove)
        _once_started(hass, entry, partial(_async_trust, outgoing))
    else:
        async_forget_twins(hass)
    try:
        await coordinator.switch.async_resume()
    except HomeAssistantError as trouble:
        # A trial must not go on unwatched: Home Assistant tries again in a moment.
        raise ConfigEntryNotReady(
            str(trouble),
            translation_domain=trouble.translation_domain,
            translation_key=trouble.translation_key,
            translation_placeholders=trouble.translation_placeholders,
        ) from trouble
    if entry.data.get(CONF_SWITCH) and coordinator.data.stage in (Stage.PLAIN, Stage.REVERTED):
        _once_started(hass, entry, partial(_async_switch, entry))
    _once_started(hass, entry, partial(_async_started, entry))
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    entry.async_on_unload(issues.async_follow(hass, coordinator))
    entry.async_on_unload(websocket_api.async_follow(hass, coordinator))
    await panel.async_show(hass)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: HousekeyEntry) -> bool:
    """Take everything down that set-up put up; files and Home Assistant's settings stay."""
    if not await hass.config_entries.async_unload_platforms(entry, PLATFORMS):
        return False
    await entry.runtime_data.coordinator.async_stop_onboarding()
    await entry.runtime_data.coordinator.lane.async_stop()
    if entry.disabled_by is not None:
        deadline(hass, entry.runtime_data.coordinator.access).async_end_now()
        _forget(hass)
    return True


async def async_remove_entry(hass: HomeAssistant, _entry: HousekeyEntry) -> None:
    """Take away what is shown, and offer the way back to http. House and HTTPS stay.

    Home Assistant reads the certificate at its next start, and devices trust the root: taking
    either away unasked would lock everybody out. Nothing can be asked here, so a repair asks.
    """
    access = HouseAccess(Path(hass.config.config_dir))
    deadline(hass, access).async_end_now()
    _forget(hass)
    try:
        if (ends := await WayBack(hass, access).async_stays()) is not None:
            issues.async_offer_way_back(hass, ends)
    except HomeAssistantError as trouble:
        _LOGGER.warning("Whether HTTPS is housekey's cannot be told: %s", trouble)


@callback
def _forget(hass: HomeAssistant) -> None:
    async_forget_twins(hass)
    panel.async_hide(hass)
    issues.async_clear(hass)


@callback
def _once_started(
    hass: HomeAssistant,
    entry: HousekeyEntry,
    work: Callable[[HomeAssistant], Coroutine[Any, Any, None]],
) -> None:
    """Do `work` when Home Assistant has started, or now, if the entry is still loaded then.

    In the background: Home Assistant ends it when it stops, and waits for none of it. Not of the
    entry: a switch that is under way outlasts a reload.
    """

    @callback
    def started(hass: HomeAssistant) -> None:
        hass.async_create_background_task(work(hass), "housekey at start", eager_start=True)

    entry.async_on_unload(async_at_started(hass, started))


async def _async_trust(outgoing: OutgoingTrust, _hass: HomeAssistant) -> None:
    """After the start, which it must not slow down."""
    await outgoing.async_install()


async def _async_started(entry: HousekeyEntry, _hass: HomeAssistant) -> None:
    """Open the lane; renew what became due while Home Assistant was off, or by new settings."""
    coordinator = entry.runtime_data.coordinator
    await coordinator.lane.async_sync()
    if not coordinator.in_full:
        await coordinator.async_refresh()
    await coordinator.async_renew_if_due()


async def _async_switch(entry: HousekeyEntry, hass: HomeAssistant) -> None:
    """Begin the switch that was asked for in the config flow."""
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_SWITCH: False})
    try:
        await entry.runtime_data.coordinator.switch.async_begin()
    except HomeAssistantError as trouble:
        # Why is told in the snapshot and as a repair, too; no trace helps anybody.
        _LOGGER.error("HTTPS could not be tried: %s", trouble)  # noqa: TRY400
    await entry.runtime_data.coordinator.async_refresh()
