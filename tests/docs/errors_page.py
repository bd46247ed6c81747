"""docs/errors.md as the records say it: `.venv/bin/python -m tests.docs.errors_page`."""

from __future__ import annotations

import sys

from housekey.homeassistant import messages as home_assistant
from housekey.platforms.messages.catalogue import MESSAGES
from housekey.platforms.messages.page import page


def errors_page() -> str:
    """Return the page."""
    return page((*MESSAGES, *home_assistant.MESSAGES))


if __name__ == "__main__":
    sys.stdout.write(errors_page())
