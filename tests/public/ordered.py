"""A house with an account, and what `obtain` is called with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from housekey.house.files import Files
from housekey.house.house import House, prepare_house
from housekey.pki.keys import KeyType
from housekey.pki.names import DnsName
from housekey.pki.subject import Subject
from housekey.public.account import register
from housekey.public.order import Need, Obtained, Records, obtain
from housekey.public.settings import PublicSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

NAMES = ("home.example.org",)
LABEL = "home.example.org"


def _now() -> datetime:
    return datetime.now(UTC)


async def _soon(seconds: float) -> None:
    """Wait a little, however long was asked for."""
    await asyncio.sleep(min(seconds, 0.02))


def _nothing(*_: str) -> None:
    pass


@dataclass(slots=True)
class TestWorld:
    """A world that hurries; its clock can be set."""

    __test__ = False

    files: Files = field(default_factory=Files)
    clock: Callable[[], datetime] = _now
    tell: Callable[[str, str], None] = _nothing
    busy: Callable[[str], None] = _nothing
    sleep: Callable[[float], Awaitable[None]] = _soon


def new_house(folder: Path, clock: Callable[[], datetime] = _now) -> House:
    return prepare_house(
        names=[DnsName("homeassistant.local")], subject=Subject(None, organization="T"), clock=clock
    ).write(folder, Files())


def settings_for(directory: str, roots_pem: str, **more: Any) -> PublicSettings:
    values: dict[str, Any] = {"names": NAMES, "provider": "ddns", "email": None} | more
    return PublicSettings(directory=directory, roots_pem=roots_pem, **values)


def need_for(*names: str, **more: Any) -> Need:
    values: dict[str, Any] = {
        "label": LABEL,
        "key_type": KeyType.ECDSA_P256,
        "key": None,
        "replaces": None,
        "why": "a test",
    } | more
    return Need(names=tuple(map(DnsName, names or NAMES)), **values)


def registered(house: House, settings: PublicSettings, *, terms: str | None, **more: Any) -> None:
    asyncio.run(register(house, settings, agreed_terms=terms, world=TestWorld(), **more))


def obtained(
    house: House,
    settings: PublicSettings,
    records: Records,
    *,
    need: Need | None = None,
    world: TestWorld | None = None,
    **more: Any,
) -> Obtained:
    return asyncio.run(
        obtain(
            house,
            need or need_for(),
            settings,
            records,
            world=world or TestWorld(),
            **{"patience": 20.0, **more},
        )
    )
