"""Changing a record through lexicon, which waits where it stands and may never come back.

Each change runs in a thread of its own that nobody waits for at the end: lexicon's providers set no
time limit on most of their requests, and a thread of asyncio's pool would hold up the end of the
process, or of Home Assistant, for as long as one hangs. No exception of lexicon leaves the thread,
because its text, and those of its causes, may hold credentials.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from housekey.errors import DnsFailed
from housekey.public.hiding import Hider, hidden
from housekey.public.providers import connected, provider

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lexicon.interfaces import Provider as LexiconProvider

    from housekey.pki.secret import Secret
    from housekey.public.providers import Provider

T = TypeVar("T")

SECONDS = 90.0  # for one change; slow providers read the whole zone first
_LONGEST = 300  # characters of a provider's own words
# What lexicon fails with over an option that is missing, or has another form than it expects.
_STUMBLED = frozenset(("AttributeError", "IndexError", "KeyError", "TypeError", "ValueError"))


@dataclass(frozen=True, slots=True)
class Failed:
    """What lexicon said, without credentials."""

    kind: str  # its exception's class
    text: str
    is_network: bool = False  # nobody was reached
    is_theirs: bool = False  # the provider is in trouble, or has been asked too often


class Changer:
    """Changes records at one DNS provider."""

    def __init__(
        self,
        provider_name: str,
        credentials: Mapping[str, Secret],
        *,
        seconds: float = SECONDS,
    ) -> None:
        self.provider_name = provider_name
        self._credentials = credentials
        self._hide = Hider(credentials.values())
        self._seconds = seconds

    async def ready(self) -> Provider:
        """Return what this provider needs, once it is known that it is given.

        Raises `ProviderRefused`: there is no such provider, or nothing to sign in with. In a
        thread: lexicon opens files and loads modules, and Home Assistant's loop must not wait.
        """
        return await asyncio.to_thread(self._ready)

    def _ready(self) -> Provider:
        described = provider(self.provider_name)
        described.must_be_given(self._credentials)
        described.configuration(self._credentials)
        return described

    async def create(self, kind: str, name: str, value: str, *, zone: str) -> None:
        """Add a record. Raises `DnsFailed`."""
        await self._change(
            lambda lexicon: lexicon.create_record(kind, name, value), f"{kind} record {name}", zone
        )

    async def delete(
        self, kind: str, name: str, value: str, *, zone: str, identifier: str | None = None
    ) -> None:
        """Take a record away. Raises `DnsFailed`.

        `identifier`: the provider's own, where it need not look for it.
        """
        await self._change(
            lambda lexicon: lexicon.delete_record(identifier, kind, name, value),
            f"{kind} record {name}",
            zone,
        )

    async def _change(self, do: Callable[[LexiconProvider], object], what: str, zone: str) -> None:
        described = await self.ready()
        name = described.name

        def work() -> Failed | None:
            with hidden(self._hide):
                try:
                    lexicon = connected(described, self._credentials, zone=zone)
                    try:
                        taken = do(lexicon)
                    finally:
                        lexicon.cleanup()
                except Exception as error:  # noqa: BLE001 - of ninety providers, each with its own
                    return self._failed(error)
            # Some answer nothing at all, and mean yes.
            return Failed("", "it said no, without a reason") if taken is False else None

        try:
            failed = await _in_thread(work, self._seconds)
        except TimeoutError:
            raise DnsFailed(
                f"the DNS provider {name} did not answer within {self._seconds:.0f} seconds,"
                f" for the {what}",
                hint="look at its website whether it is in trouble, and try again later",
            ) from None
        if failed is None:
            return
        if failed.is_network:
            raise DnsFailed(
                f"the DNS provider {name} was not reached: {failed.text}",
                hint="look whether this computer reaches the internet, and try again",
            )
        said = f"{failed.kind}: {failed.text}" if failed.kind else failed.text
        raise DnsFailed(
            f"the DNS provider {name} did not change the {what}: {said}",
            hint=self._advice(described, failed, zone),
        )

    def _failed(self, error: Exception) -> Failed:
        text = " ".join(self._hide(str(error)).split())
        if len(text) > _LONGEST:
            text = text[:_LONGEST].rstrip() + "…"
        text = text or "no reason given"
        return Failed(
            type(error).__name__,
            text,
            is_network=_is_network(error),
            is_theirs=_status(error) >= 500 or _status(error) == 429,
        )

    def _advice(self, described: Provider, failed: Failed, zone: str) -> str:
        if failed.is_theirs:
            return "that is not for you to mend: try again later"
        hint = f"check the credentials, and that they may change {zone}"
        if failed.kind in _STUMBLED:
            told = "; ".join(f"{option.name}: {option.help}" for option in described.asked)
            return f"{hint}; {told}"
        lacking = [each.name for each in described.asked if each.name not in self._credentials]
        return f"{hint}; not given: {', '.join(lacking)}" if lacking else hint


def _is_network(error: Exception) -> bool:
    """Whether nobody was reached, so that the credentials are not to blame."""
    import requests  # noqa: PLC0415 - lexicon has loaded it

    unreached = (requests.ConnectionError, requests.Timeout, ConnectionError, TimeoutError)
    if isinstance(error, requests.exceptions.SSLError):
        return False  # reached, and not trusted: its text says why
    return isinstance(error, unreached)


def _status(error: Exception) -> int:
    """The status of an HTTP answer that was an error; 0 without one."""
    status = getattr(getattr(error, "response", None), "status_code", 0)
    return status if isinstance(status, int) else 0


async def _in_thread(work: Callable[[], T], seconds: float) -> T:
    """Run `work` in a thread. Raises `TimeoutError`; the thread then goes on unheard."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(result: T) -> None:
        if not done.done():
            done.set_result(result)

    def run() -> None:
        result = work()
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, result)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run,), daemon=True, name="housekey dns").start()
    return await asyncio.wait_for(done, seconds)
