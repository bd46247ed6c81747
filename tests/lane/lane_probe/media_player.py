"""A player that tells which address it was given, as players of Home Assistant get it."""

from __future__ import annotations

from homeassistant.components import media_source
from homeassistant.components.media_player import (
    MediaPlayerEntity,
    MediaPlayerEntityFeature,
    MediaPlayerState,
    async_process_play_media_url,
)

COVER = b"\x89PNG a cover"


async def async_setup_platform(hass, config, async_add_entities, discovery_info=None) -> None:
    """Add it."""
    async_add_entities([ProbePlayer()])


class ProbePlayer(MediaPlayerEntity):
    """It plays nothing."""

    _attr_name = "Probe"
    _attr_supported_features = (
        MediaPlayerEntityFeature.PLAY_MEDIA | MediaPlayerEntityFeature.BROWSE_MEDIA
    )
    _attr_state = MediaPlayerState.PLAYING
    _attr_media_image_hash = "cover"
    _played = ""

    @property
    def extra_state_attributes(self) -> dict:
        """What it was told last."""
        return {"played": self._played}

    async def async_get_media_image(self):
        """The cover."""
        return COVER, "image/png"

    async def async_play_media(self, media_type, media_id, **kwargs) -> None:
        """As the developers' documentation of media players says."""
        if media_source.is_media_source_id(media_id):
            item = await media_source.async_resolve_media(self.hass, media_id, self.entity_id)
            media_id = item.url
        self._played = async_process_play_media_url(self.hass, media_id)
        self.async_write_ha_state()
