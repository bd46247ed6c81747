"""What this room acts through. `housekey.homeassistant.site.World` is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from housekey.house.files import Files


class World(Protocol):
    """The disk, the clock and the user."""

    @property
    def files(self) -> Files: ...

    @property
    def clock(self) -> Callable[[], datetime]: ...

    @property
    def tell(self) -> Callable[[str, str], None]:
        """One line of the story: a label and a text."""

    @property
    def busy(self) -> Callable[[str], None]:
        """What is being waited for; "" ends it."""

    @property
    def sleep(self) -> Callable[[float], Awaitable[None]]: ...
