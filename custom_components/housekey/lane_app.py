"""Home Assistant's own web application, reached from a second listener.

The one place that knows how: `hass.http.runner` is aiohttp's `AppRunner`, its `server` a
`web.Server`, and that holds, without an underscore but undocumented, `request_handler` and
`request_factory`: the application's own. Read in aiohttp 3.14.3 and 3.14.5 (`web_server.py`) and in
`components/http` of 2026.7.4 and 2026.11.0, where they are there as soon as Home Assistant listens.

Where anything of this is missing, `application` answers None, and the lane only redirects.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from homeassistant.core import HomeAssistant

# Home Assistant's own limits (components/http: MAX_LINE_SIZE). A body's limit is in its requests.
LONGEST_LINE = 24570


@dataclass(frozen=True, slots=True)
class Application:
    """What a listener needs to hand requests over."""

    make_request: Callable[..., web.BaseRequest]  # with Home Assistant's limit for bodies
    answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]  # all middlewares first
    router: web.UrlDispatcher


def application(hass: HomeAssistant) -> Application | None:
    """Home Assistant's application; None while it does not listen yet, or cannot be had."""
    server = getattr(getattr(hass.http, "runner", None), "server", None)
    answer = getattr(server, "request_handler", None)
    make_request = getattr(server, "request_factory", None)
    router = getattr(getattr(hass.http, "app", None), "router", None)
    if not (callable(answer) and callable(make_request) and isinstance(router, web.UrlDispatcher)):
        return None
    return Application(make_request, answer, router)


async def route_of(app: Application, request: web.Request) -> str | None:
    """The route that the application would take, by its canonical name; None: it answers no."""
    match = await app.router.resolve(request)
    if match.http_exception is not None or match.route.resource is None:
        return None
    return match.route.resource.canonical


def bare_request(*parts: Any) -> web.BaseRequest:
    """A request that no application will see; `parts` are what aiohttp's server makes it from."""
    message, payload, protocol, writer, task = parts
    return web.BaseRequest(message, payload, protocol, writer, task, task.get_loop())


class _NoBrokenRequests(logging.Filter):
    """Keeps quiet about requests that are no HTTP: the server would log their first line, secrets
    and all, once for each, as an error."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


SERVER_LOGGER = logging.getLogger(f"{__name__}.server")
SERVER_LOGGER.addFilter(_NoBrokenRequests())
