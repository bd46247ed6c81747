"""How a device learns to trust the root: the page, the QR code, the profiles, and the proof."""

from typing import Final

PORT: Final = 8125  # of the page, over plain HTTP
PROOF_PORT: Final = 8126  # of the proof, over HTTPS
