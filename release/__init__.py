"""What is handed out: `python -m release` packs the integration for Home Assistant."""
