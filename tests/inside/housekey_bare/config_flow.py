"""A flow that nobody goes through: Home Assistant loads it with every entry."""

from __future__ import annotations

from homeassistant.config_entries import ConfigFlow

from . import DOMAIN


class BareFlow(ConfigFlow, domain=DOMAIN):
    """It has no steps."""
