"""No text of another library lets a credential out: what it logs, and what its errors say.

DuckDNS takes its token in the address that is asked, so urllib3 writes it into the debug log, and
requests into the text of every error; other providers do the like. So whatever runs with
credentials runs in `hidden()`: the text of a log record that is made meanwhile, in the same thread
or task, has them taken out before any handler sees it.
"""

from __future__ import annotations

import contextlib
import logging
import re
from base64 import b64encode
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from housekey.pki.secret import Secret

MASK = "***"
_SHORTEST = 4  # characters; of less, every word would be full
_A_PART = 16  # characters; more than what is no secret in `hmac-sha256:name:secret`


class Hider:
    """Takes secrets out of texts, in each of the ways in which they are written."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        forms: set[str] = set()
        for secret in secrets:
            text = secret.reveal().decode(errors="replace")
            parts = [text, *(part for part in re.split(r"[\s:,]", text) if len(part) >= _A_PART)]
            for part in parts:
                forms |= {
                    part,
                    part.strip(),
                    quote(part, safe=""),
                    quote_plus(part),
                    repr(part)[1:-1],
                }
                forms.add(b64encode(part.encode()).decode())
        found = sorted((each for each in forms if len(each) >= _SHORTEST), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, found))) if found else None

    def __call__(self, text: str) -> str:
        """Return `text` without them."""
        return self._pattern.sub(MASK, text) if self._pattern else text


_active: ContextVar[Hider | None] = ContextVar("housekey_hider", default=None)


@contextlib.contextmanager
def hidden(hider: Hider) -> Iterator[None]:
    """Let nothing be logged here that `hider` would take out."""
    _watch_records()
    token = _active.set(hider)
    try:
        yield
    finally:
        _active.reset(token)


def _watch_records() -> None:
    """Let every log record pass by us: the one place that all loggers and handlers share."""
    made = logging.getLogRecordFactory()
    if not isinstance(made, _Factory):
        logging.setLogRecordFactory(_Factory(made))


class _Factory:
    """Makes records as before, and changes those alone that are made in `hidden()`."""

    def __init__(self, make: Callable[..., logging.LogRecord]) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make(*args, **kwargs)
        if (hider := _active.get()) is not None:
            try:
                text = record.getMessage()
            except Exception:  # noqa: BLE001 - a record that fits its arguments ill is no failure
                text = str(record.msg)
            record.msg, record.args = hider(text), None
            # A traceback tells an error's text once more, and its causes'.
            record.exc_info = record.exc_text = None
        return record
