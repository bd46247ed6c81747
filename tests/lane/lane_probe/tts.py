"""A voice that says the same whatever it is told."""

from __future__ import annotations

from homeassistant.components.tts import Provider

SPEECH = b"a speech"


async def async_get_engine(hass, config, discovery_info=None) -> Provider:
    """The voice."""
    return ProbeVoice()


class ProbeVoice(Provider):
    """Legacy, as a platform in YAML is."""

    name = "Probe"

    @property
    def default_language(self) -> str:
        """English."""
        return "en"

    @property
    def supported_languages(self) -> list[str]:
        """English."""
        return ["en"]

    async def async_get_tts_audio(self, message, language, options):
        """The same."""
        return "mp3", SPEECH  # what players are given by default: nothing to convert
