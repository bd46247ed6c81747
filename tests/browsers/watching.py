"""What a browser did and said while it was watched, told alike for both browsers."""

from __future__ import annotations

from dataclasses import dataclass, field

# Run in every page before its own scripts: the browsers tell a violation of the page's
# Content-Security-Policy in different ways, and this one is the same in both.
TELL_VIOLATIONS = """() => document.addEventListener('securitypolicyviolation', event =>
    console.error('CSP: ' + event.violatedDirective + ' blocked ' + event.blockedURI))"""


@dataclass(frozen=True, slots=True)
class Said:
    """One line of the browser's console, or of its log."""

    source: str  # console-api, javascript, security, network, …: the browser's own word
    level: str
    text: str


@dataclass(slots=True)
class Watched:
    """All of it, in its order."""

    requests: list[str] = field(default_factory=list)  # addresses
    said: list[Said] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Accessible:
    """One thing that a screen reader meets, in the browser's own words."""

    role: str
    name: str
    focusable: bool
    live: str  # polite, assertive; empty: changes are not read out
    level: int  # of a heading; 0 of all else
