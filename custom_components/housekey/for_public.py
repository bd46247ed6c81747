"""What the road of a public name needs besides, and nobody else: installed when it is chosen.

Home Assistant installs an integration's requirements before it sets it up. These are not among
them: a home on its own network has no use for a hundred DNS providers. They come by the same way,
Home Assistant's own (`homeassistant.requirements`), with its constraints, into its own folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from homeassistant import requirements
from homeassistant.util import package

from .apart import async_apart
from .const import DOMAIN
from .troubles import NotNow

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

__all__ = ["REQUIREMENTS", "async_apart", "async_ensure"]

# Home Assistant comes with the first two, for its Cloud, and in the release that it pins.
REQUIREMENTS: Final = ("acme>=2.9", "josepy>=1.13", "dns-lexicon>=3.17", "dnspython>=2.4")


async def async_ensure(hass: HomeAssistant, *, again: bool = False) -> None:
    """Install what is missing. Raises NotReady, told in plain words, when that cannot be.

    `again`: also what Home Assistant has failed to install since its start, and would not try.
    """
    missing = await hass.async_add_executor_job(_missing)
    if not missing:
        return
    if hass.config.skip_pip:
        raise NotNow(
            "not_installed",
            f"Home Assistant was told to install nothing, and lacks {_said(missing)}",
            hint="install it, or start Home Assistant without --skip-pip",
            packages=_said(missing),
        )
    if again:
        requirements.async_clear_install_history(hass)
    try:
        await requirements.async_process_requirements(hass, DOMAIN, missing, is_built_in=False)
    except requirements.RequirementsNotFound as failure:
        raise NotNow(
            "not_installable",
            f"Home Assistant could not install {_said(sorted(failure.requirements))}",
            hint="see that this machine reaches the internet, and try again",
            packages=_said(sorted(failure.requirements)),
        ) from failure


def _missing() -> list[str]:
    return [each for each in REQUIREMENTS if not package.is_installed(each)]


def _said(missing: list[str]) -> str:
    return ", ".join(each.partition(">=")[0] for each in missing)
