"""The keys that tests press, as each browser's protocol names them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """https://w3c.github.io/webdriver/#keyboard-actions and Windows' virtual key codes."""

    code: int  # Windows'
    webdriver: str
    text: str = ""  # what it types


KEYS = {
    "Tab": Key(9, "\ue004"),
    "Enter": Key(13, "\ue007", "\r"),
    "Escape": Key(27, "\ue00c"),
    "Space": Key(32, " ", " "),
    "End": Key(35, "\ue010"),
    "Home": Key(36, "\ue011"),
    "ArrowLeft": Key(37, "\ue012"),
    "ArrowUp": Key(38, "\ue013"),
    "ArrowRight": Key(39, "\ue014"),
    "ArrowDown": Key(40, "\ue015"),
}
SHIFT = "\ue008"
