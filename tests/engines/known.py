"""Where housekey's verdict is not the engine's, and why that is left so. Wanted: nothing.

The documentation lists the same (docs/platforms.md); a test fails when an entry no longer
disagrees, so that the list does not outlive its reasons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from housekey.platforms.model import Platform

# By platform and case id: the reason, in one sentence.
KNOWN: Mapping[tuple[Platform, str], str] = {}
