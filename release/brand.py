"""Draw the integration's icons from the onboarding page's icon, with Chromium.

    .venv/bin/python -m release.brand

Home Assistant 2026.3 and later show `brand/` of a custom integration: icon.png of 256 pixels,
icon@2x.png of 512, trimmed, and dark_ ones on a dark screen.
https://developers.home-assistant.io/docs/core/integration/brand_images
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from tests.browsers.chromium import Chromium

CHECKOUT = Path(__file__).parents[1]
_SVG = CHECKOUT / "src" / "housekey" / "onboarding" / "static" / "icon.svg"
_BRAND = CHECKOUT / "custom_components" / "housekey" / "brand"
_SIDE = 256
_TRIMMED = ('viewBox="0 0 32 32"', 'viewBox="1 1 30 30"')  # the drawing reaches from 1.3 to 30.7
# As the onboarding page's style has it on a dark screen: accent, and what stands on it.
_DARK = {"#0b6b52": "#5fd0ac", "#fff": "#06251b"}
_DRAW = """new Promise((done, failed) => {
  const picture = new Image();
  picture.onerror = failed;
  picture.onload = () => {
    const canvas = Object.assign(document.createElement('canvas'), {width: SIDE, height: SIDE});
    canvas.getContext('2d').drawImage(picture, 0, 0, SIDE, SIDE);
    done(canvas.toDataURL('image/png').split(',')[1]);
  };
  picture.src = 'data:image/svg+xml;base64,' + btoa(SVG);
})"""


def draw() -> None:
    """Write all four."""
    light = _SVG.read_text().replace(*_TRIMMED)
    dark = light
    for colour, instead in _DARK.items():
        dark = dark.replace(f'"{colour}"', f'"{instead}"')
    _BRAND.mkdir(exist_ok=True)
    with Chromium() as browser:
        for prefix, svg in (("", light), ("dark_", dark)):
            for suffix, side in (("", _SIDE), ("@2x", 2 * _SIDE)):
                script = _DRAW.replace("SIDE", str(side)).replace("SVG", json.dumps(svg))
                drawn = base64.b64decode(browser.evaluate(script))
                (_BRAND / f"{prefix}icon{suffix}.png").write_bytes(drawn)


if __name__ == "__main__":
    draw()
