"""What the house and its journal call things of Home Assistant: names that outlive a run.

A module of its own, which imports nothing: the integration needs it at every start of Home
Assistant, and not the switch of the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LABEL = "_home-assistant"  # the leaf's folder in the house; "_" keeps it apart from any name
HTTP_CONFIG = "http/config"  # journal: the stable configuration of Home Assistant
HTTP_YAML = "http-yaml"  # journal: our keys in the YAML block
INTERNAL_URL = "internal_url"
EXTERNAL_URL = "external_url"
PROVEN = "proven"  # mark: the point of no return
PROMOTING = "promoting"  # mark: Home Assistant's stable configuration may be ours
RESTART = "restart"  # mark: a restart may have happened
_OWNED = ("ssl_certificate", "ssl_key", "server_port")  # the keys that housekey sets


def owned(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a configuration that housekey sets."""
    return {key: config.get(key) for key in _OWNED}
