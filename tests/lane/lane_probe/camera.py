"""A camera whose picture changes all the time."""

from __future__ import annotations

from homeassistant.components.camera import Camera

PICTURE = b"\xff\xd8\xff\xe0 a picture %d \xff\xd9"


async def async_setup_platform(hass, config, async_add_entities, discovery_info=None) -> None:
    """Add it."""
    async_add_entities([ProbeCamera()])


class ProbeCamera(Camera):
    """It streams as cameras without a stream of their own do: picture after picture."""

    _attr_name = "Probe"
    _attr_frame_interval = 0.1
    _taken = 0

    async def async_camera_image(self, width=None, height=None) -> bytes:
        """The picture."""
        self._taken += 1
        return PICTURE % self._taken
