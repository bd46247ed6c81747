"""Names that several modules share."""

from __future__ import annotations

from typing import Final

DOMAIN: Final = "housekey"
FOLDER: Final = "housekey"  # of the house, inside the configuration folder
EVENT_CERTIFICATE: Final = "housekey_certificate"  # on the bus: issued, renewed

# What comes with the removal: the way back, until the next restart, and what stays to be said.
ISSUE_HTTPS_STAYS: Final = "https_stays"
ISSUE_UNATTENDED: Final = "unattended"

CONF_NAMES: Final = "names"
CONF_KEY_TYPE: Final = "key_type"
CONF_DAYS: Final = "days"
CONF_HTTPS_PORT: Final = "https_port"
CONF_PAGE_PORT: Final = "page_port"
CONF_PROOF_PORT: Final = "proof_port"
CONF_LANE: Final = "lane"
CONF_LANE_PORT: Final = "lane_port"
CONF_QUIET_FROM: Final = "quiet_from"
CONF_QUIET_UNTIL: Final = "quiet_until"
CONF_TRUST_OUTGOING: Final = "trust_outgoing"
CONF_PAGE: Final = "page"  # entry.data: the page was open when the switch began, and opens again
CONF_SWITCH: Final = "switch"  # entry.data: the user asked for HTTPS when the flow ended

# entry.data: the road that the user has chosen, until Home Assistant has been taken there
CONF_ROAD: Final = "road"

DEFAULT_QUIET_FROM: Final = "02:00:00"
DEFAULT_QUIET_UNTIL: Final = "05:00:00"
