"""QR codes: for a terminal, and as a drawing."""

from __future__ import annotations

from itertools import groupby, zip_longest

import segno

_BORDER = 4  # light modules around it, as the standard asks (ISO/IEC 18004, quiet zone)
_HALVES = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}  # 1 is dark


def for_terminal(text: str, *, colour: bool) -> str:
    """Return lines that show the code of `text`, two modules high each.

    With `colour` it is black on white on any terminal. Without, the light modules are drawn, which
    is right where the background is dark; most cameras read the other way round as well.
    """
    rows = _matrix(text)
    lines = (
        "".join(_HALVES[above, below] for above, below in zip(upper, lower, strict=True))
        for upper, lower in zip_longest(rows[::2], rows[1::2], fillvalue=[0] * len(rows[0]))
    )
    if not colour:
        return "\n".join(lines)
    # Bright white for what is drawn, black for what is not: whatever the user's colours are.
    return "\n".join(f"\033[38;5;231;48;5;16m{line}\033[0m" for line in lines)


def path(text: str) -> tuple[int, str]:
    """Return the code of `text` for SVG: its side in units, and a path of what is dark."""
    rows = _matrix(text)
    drawn = []
    for y, row in enumerate(rows):
        x = 0
        for dark, run in groupby(row):
            width = len(list(run))
            if dark:
                drawn.append(f"M{x} {y}h{width}v1h-{width}z")
            x += width
    return len(rows), "".join(drawn)


def _matrix(text: str) -> list[list[int]]:
    code = segno.make_qr(text, error="m")
    return [[1 if dark else 0 for dark in row] for row in code.matrix_iter(border=_BORDER)]
