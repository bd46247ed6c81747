"""How a device learns to trust the root: the page, the QR code, the profiles, and the proof."""
