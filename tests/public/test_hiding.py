"""Credentials are in no text that comes out: logs of any library, errors, tracebacks."""

from __future__ import annotations

import asyncio
import base64
import io
import logging
from urllib.parse import quote, quote_plus

import pytest

from housekey.pki.secret import Secret
from housekey.public.hiding import MASK, Hider, hidden

SECRET = "p@ss w/ö?rd & more=1"
FORMS = {
    "as it is": SECRET,
    "in an address": quote(SECRET, safe=""),
    "in a form": quote_plus(SECRET),
    "in base64": base64.b64encode(SECRET.encode()).decode(),
    "in Python": repr(SECRET + "'")[1:-2],
}


def _hider(*secrets: str) -> Hider:
    return Hider([Secret(each.encode()) for each in secrets])


@pytest.mark.parametrize("form", list(FORMS))
def test_each_form_is_hidden(form: str) -> None:
    assert _hider(SECRET)(f"before {FORMS[form]} after") == f"before {MASK} after"


def test_the_secret_part_of_a_longer_credential_is_hidden_by_itself() -> None:
    key = base64.b64encode(bytes(range(32))).decode()
    hide = _hider(f"hmac-sha256:housekey:{key}")
    assert hide(f"cannot read {key} of housekey") == f"cannot read {MASK} of housekey"


def test_what_is_too_short_to_be_a_secret_does_not_black_out_everything() -> None:
    assert _hider("eu", "1", "")("1 neutral answer") == "1 neutral answer"


def test_the_longer_one_of_two_is_hidden_whole() -> None:
    assert _hider("abcdef", "abcdefghij")("abcdefghij") == MASK


class Odd(Exception):
    pass


def _log_in_each_way(logger: logging.Logger) -> None:
    logger.debug("asked /update?token=%s&verbose=true", SECRET)
    logger.info(f"asked {SECRET}")  # noqa: G004 - as others do
    logger.warning("asked %(url)s", {"url": f"https://x/?t={SECRET}"})
    logger.error("too many arguments", SECRET)  # noqa: PLE1205 - likewise
    try:
        raise Odd(SECRET)  # noqa: TRY301 - for its traceback
    except Odd:
        logger.exception("failed")


@pytest.fixture
def written() -> io.StringIO:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    loggers = [logging.getLogger(name) for name in ("urllib3.connectionpool", "an.other")]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
    return stream


def test_no_library_can_log_them(written: io.StringIO) -> None:
    with hidden(_hider(SECRET)):
        _log_in_each_way(logging.getLogger("urllib3.connectionpool"))
    text = written.getvalue()
    assert SECRET not in text
    assert text.count(MASK) == 3
    assert "asked /update?token=***&verbose=true" in text


def test_this_test_would_see_it_if_they_could(written: io.StringIO) -> None:
    logging.raiseExceptions, before = False, logging.raiseExceptions
    try:
        _log_in_each_way(logging.getLogger("urllib3.connectionpool"))
    finally:
        logging.raiseExceptions = before
    assert written.getvalue().count(SECRET) >= 4


def test_what_others_log_meanwhile_stays_as_it_is(written: io.StringIO) -> None:
    """Home Assistant is one process: only what is done with credentials is touched."""

    async def ours(started: asyncio.Event, over: asyncio.Event) -> None:
        with hidden(_hider(SECRET)):
            started.set()
            await over.wait()

    async def story() -> None:
        started, over = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(ours(started, over))
        await started.wait()
        logging.getLogger("an.other").warning("others say %s", SECRET)
        over.set()
        await task

    asyncio.run(story())
    assert written.getvalue() == f"others say {SECRET}\n"
