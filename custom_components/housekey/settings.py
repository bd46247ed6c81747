"""What the user has chosen, read from the entry's options, with the defaults."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime, time
from typing import TYPE_CHECKING, Any

from housekey.errors import NameRefused
from housekey.onboarding import PORT, PROOF_PORT
from housekey.pki.keys import KeyType
from housekey.pki.names import parse_name

from .const import (
    CONF_DAYS,
    CONF_HTTPS_PORT,
    CONF_KEY_TYPE,
    CONF_LANE,
    CONF_LANE_PORT,
    CONF_NAMES,
    CONF_PAGE_PORT,
    CONF_PROOF_PORT,
    CONF_QUIET_FROM,
    CONF_QUIET_UNTIL,
    CONF_ROAD,
    CONF_TRUST_OUTGOING,
    DEFAULT_QUIET_FROM,
    DEFAULT_QUIET_UNTIL,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from housekey.pki.names import Name
    from housekey.renewal.delivery import QuietHours


@dataclass(frozen=True, slots=True)
class Settings:
    """All of them."""

    names: tuple[Name, ...]
    key_type: KeyType | None  # None: as the leaf has it
    days: int | None  # of a leaf's life; None: the default
    https_port: int | None  # None: the port that Home Assistant has
    page_port: int
    proof_port: int
    lane: bool
    lane_port: int | None  # None: the port that Home Assistant had before
    quiet_from: time
    quiet_until: time
    trust_outgoing: bool

    @property
    def quiet(self) -> QuietHours:
        """When a restart disturbs nobody."""
        from housekey.renewal.delivery import QuietHours  # noqa: PLC0415 - a start needs none

        return QuietHours(self.quiet_from, self.quiet_until)


def settings_of(options: Mapping[str, Any]) -> Settings:
    """Read the options of the entry; what cannot be read is as the default."""
    return Settings(
        names=parsed(options.get(CONF_NAMES, ())),
        key_type=KeyType(options[CONF_KEY_TYPE]) if options.get(CONF_KEY_TYPE) else None,
        days=_number(options.get(CONF_DAYS)),
        https_port=_number(options.get(CONF_HTTPS_PORT)),
        page_port=int(options.get(CONF_PAGE_PORT, PORT)),
        proof_port=int(options.get(CONF_PROOF_PORT, PROOF_PORT)),
        lane=bool(options.get(CONF_LANE, False)),
        lane_port=_number(options.get(CONF_LANE_PORT)),
        quiet_from=time.fromisoformat(options.get(CONF_QUIET_FROM, DEFAULT_QUIET_FROM)),
        quiet_until=time.fromisoformat(options.get(CONF_QUIET_UNTIL, DEFAULT_QUIET_UNTIL)),
        trust_outgoing=bool(options.get(CONF_TRUST_OUTGOING, True)),
    )


def parsed(texts: Iterable[str]) -> tuple[Name, ...]:
    """Read names, each once, in their order; what is none is left out."""
    names = []
    for text in texts:
        with contextlib.suppress(NameRefused):
            names.append(parse_name(text))
    return tuple(dict.fromkeys(names))


def chosen_at(data: Mapping[str, Any]) -> datetime | None:
    """Return when the road was chosen that an entry keeps; None: it keeps none."""
    kept = data.get(CONF_ROAD)
    return datetime.fromisoformat(kept["at"]) if kept else None


def _number(value: object) -> int | None:
    return int(str(value)) if value else None
