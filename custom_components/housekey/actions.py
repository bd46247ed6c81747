"""The actions of housekey, for administrators only.

They are registered once in the life of Home Assistant, so that an automation that uses them can be
checked while the entry is not loaded (quality scale, action-setup).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import voluptuous as vol
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import SupportsResponse, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_register_admin_service

from housekey.errors import NameRefused, PemUnreadable
from housekey.homeassistant.plan import DEFAULT_DAYS
from housekey.live.tls import PUBLIC_ROOTS
from housekey.pki.encoding import certificates_from_pem
from housekey.pki.keys import KeyType
from housekey.pki.names import parse_name

from .const import CONF_DAYS, CONF_KEY_TYPE, CONF_NAMES, DOMAIN
from .troubles import Told, told_of, two_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse

    from housekey.errors import HousekeyError
    from housekey.live.tls import Trust
    from housekey.pki.names import Name

    from .coordinator import HousekeyCoordinator

ACTION_RENEW: Final = "renew"
ACTION_ISSUE: Final = "issue"
ACTION_LOAD: Final = "load_certificate"
CONF_ROOT: Final = "root"
CONF_ONLY_ASK: Final = "only_ask"
_MOST_OF_ROOTS: Final = 65_536  # characters of PEM
_MOST_DAYS: Final = 825  # Apple's, for a root of the user's own (APL-01)

_ISSUE = vol.Schema(
    {
        vol.Required(CONF_NAMES): vol.All(cv.ensure_list, vol.Length(min=1), [cv.string]),
        vol.Optional(CONF_KEY_TYPE, default=KeyType.ECDSA_P256.value): vol.In(
            [each.value for each in KeyType]
        ),
        vol.Optional(CONF_DAYS, default=DEFAULT_DAYS): vol.All(
            vol.Coerce(int), vol.Range(min=1, max=_MOST_DAYS)
        ),
    }
)
_LOAD = vol.Schema(
    {
        vol.Optional(CONF_ROOT): vol.All(cv.string, vol.Length(max=_MOST_OF_ROOTS)),
        vol.Optional(CONF_ONLY_ASK, default=False): cv.boolean,
    }
)


@callback
def async_setup_actions(hass: HomeAssistant) -> None:
    """Register them."""
    async_register_admin_service(hass, DOMAIN, ACTION_RENEW, _renew, vol.Schema({}))
    async_register_admin_service(hass, DOMAIN, ACTION_ISSUE, _issue, _ISSUE, SupportsResponse.ONLY)
    async_register_admin_service(hass, DOMAIN, ACTION_LOAD, _load, _LOAD, SupportsResponse.ONLY)


async def _renew(call: ServiceCall) -> None:
    """Renew Home Assistant's certificate, whether or not it is due."""
    await _coordinator(call.hass).async_renew(force=True)


async def _issue(call: ServiceCall) -> ServiceResponse:
    """Issue a certificate for another device of the house; the answer carries its key."""
    coordinator = _coordinator(call.hass)
    names = _names(call.data[CONF_NAMES])
    issued = await coordinator.async_issue(
        names, KeyType(call.data[CONF_KEY_TYPE]), call.data[CONF_DAYS]
    )
    return {
        "names": [str(name) for name in names],
        "not_after": issued.not_after.isoformat(),
        "certificate": issued.certificate_pem,
        "chain": issued.chain_pem,
        "key": issued.key_pem,
    }


async def _load(call: ServiceCall) -> ServiceResponse:
    """Present the pair that lies in the configured files, or say why that cannot be.

    For `housekey renew`, which has written them: no answer is an error, for each is one that it
    can act upon.
    """
    coordinator = _coordinator(call.hass)
    root: Trust | None = None
    if (given := call.data.get(CONF_ROOT)) is not None:
        try:
            # None at all: the certificate is of a public CA.
            root = certificates_from_pem(given.encode()) if given.strip() else PUBLIC_ROOTS
        except PemUnreadable as error:
            told = Told("root_unreadable", {"reason": error.message})
            raise _refused(told, error) from error
    loaded = await coordinator.async_load_certificate(root, only_ask=call.data[CONF_ONLY_ASK])
    return {"presented": loaded.sha256, "reason": loaded.reason}


def _refused(told: Told, trouble: HousekeyError) -> ServiceValidationError:
    return ServiceValidationError(
        two_lines(trouble),
        translation_domain=DOMAIN,
        translation_key=told.key,
        translation_placeholders=dict(told.values),
    )


def _names(texts: Iterable[str]) -> tuple[Name, ...]:
    names = []
    for text in texts:
        try:
            names.append(parse_name(text))
        except NameRefused as refusal:
            raise _refused(told_of(refusal), refusal) from refusal
    return tuple(dict.fromkeys(names))


def _coordinator(hass: HomeAssistant) -> HousekeyCoordinator:
    for entry in hass.config_entries.async_entries(DOMAIN):
        if entry.state is ConfigEntryState.LOADED:
            coordinator: HousekeyCoordinator = entry.runtime_data.coordinator
            return coordinator
    raise ServiceValidationError(translation_domain=DOMAIN, translation_key="not_running")
