"""An image."""

from __future__ import annotations

from homeassistant.components.image import ImageEntity
from homeassistant.util import dt as dt_util

PICTURE = b"\x89PNG an image"


async def async_setup_platform(hass, config, async_add_entities, discovery_info=None) -> None:
    """Add it."""
    async_add_entities([ProbeImage(hass)])


class ProbeImage(ImageEntity):
    """It has always just changed."""

    _attr_name = "Probe"
    _attr_content_type = "image/png"

    def __init__(self, hass) -> None:
        super().__init__(hass)
        self._attr_image_last_updated = dt_util.utcnow()

    async def async_image(self) -> bytes:
        """The image."""
        return PICTURE
