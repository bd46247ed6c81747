"""Stories of strangers at the two ports."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.onboarding.sharing import Shared, ask, parsed, sharing, trusting

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    Story = Callable[[Shared], Awaitable[None]]

A_PERSON = "Jane's phone (172.16.254.1) secret-token-of-jane"
BOTH = pytest.mark.parametrize("secure", [False, True], ids=["page", "proof"])


def run(story: Story) -> None:
    async def whole() -> None:
        async with sharing() as shared:
            await story(shared)
            await still_answers(shared)

    asyncio.run(whole())


async def still_answers(shared: Shared) -> None:
    assert (await ask(shared.port, "/", source="127.0.9.9")).status == 200
    assert (await ask(shared.proof_port, "/trusted", tls=trusting())).status == 200


def door(shared: Shared, *, secure: bool) -> tuple[int, ssl.SSLContext | None]:
    return (shared.proof_port, trusting()) if secure else (shared.port, None)


def status_of(answered: bytes) -> int:
    """The status of the one answer there may be; 0 when the connection was closed without."""
    if not answered:
        return 0
    assert answered.count(b"HTTP/1.") == 1, answered
    said = parsed(answered)
    assert said.headers["server"] == "housekey"
    assert said.headers.get("connection", "") == "close" or answered.startswith(b"HTTP/1.0")
    assert b"aiohttp" not in answered
    assert b"Python" not in answered
    return said.status


def a_request(port: int, *lines: str, start: str = "GET / HTTP/1.1") -> bytes:
    head = (start, f"Host: 127.0.0.1:{port}", *lines, "", "")
    return "\r\n".join(head).encode("latin-1")
