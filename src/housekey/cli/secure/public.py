"""The options of the road of a public name: `housekey secure --public NAME --dns PROVIDER`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from housekey.cli.output import Output
    from housekey.homeassistant.authority import Chosen

_F = TypeVar("_F", bound="Callable[..., Any]")


def public_options(command: _F) -> _F:
    """Add the options of this road."""
    return command


def chosen_public(options: dict[str, Any], output: Output) -> Chosen | None:  # noqa: ARG001
    """Return the road, as the options say; None when they are about another."""
    return None
