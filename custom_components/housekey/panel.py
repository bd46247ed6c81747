"""The panel in the sidebar, for administrators: registers it and serves its one script."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from homeassistant.components import frontend, panel_custom
from homeassistant.components.http import StaticPathConfig

from .const import DOMAIN

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

PANEL_PATH: Final = DOMAIN  # of the address: /housekey
_SCRIPT: Final = Path(__file__).parent / "panel" / "housekey-panel.js"
_SERVED_AT: Final = "/housekey_panel/housekey-panel.js"


async def async_setup(hass: HomeAssistant) -> None:
    """Serve the script. Once in the life of Home Assistant: a path cannot be taken back."""
    await hass.http.async_register_static_paths(
        [StaticPathConfig(_SERVED_AT, str(_SCRIPT), cache_headers=True)]
    )


async def async_show(hass: HomeAssistant) -> None:
    """Put the panel into the sidebar, unless it is there.

    No `config_panel_domain`: with one, the frontend offers the panel in place of the options flow.
    """
    if frontend.async_panel_exists(hass, PANEL_PATH):
        return
    # Browsers keep the script for a month. A new one has another address.
    version = await hass.async_add_executor_job(_version)
    await panel_custom.async_register_panel(
        hass,
        frontend_url_path=PANEL_PATH,
        webcomponent_name="housekey-panel",
        sidebar_title="housekey",
        sidebar_icon="mdi:home-lock",
        module_url=f"{_SERVED_AT}?v={version}",
        require_admin=True,
    )


def async_hide(hass: HomeAssistant) -> None:
    """Take the panel out of the sidebar; for a removed or disabled entry.

    Not at every unload: an entry that is only set up anew would throw its own panel's user out.
    """
    frontend.async_remove_panel(hass, PANEL_PATH, warn_if_unknown=False)


def _version() -> str:
    return sha256(_SCRIPT.read_bytes()).hexdigest()[:12]
