"""Where the CA is that is asked when no other one is named."""

from __future__ import annotations

from typing import Final

# https://letsencrypt.org/docs/acme-protocol-updates/, and the second to try everything with:
# https://letsencrypt.org/docs/staging-environment/
LETS_ENCRYPT: Final = "https://acme-v02.api.letsencrypt.org/directory"
STAGING: Final = "https://acme-staging-v02.api.letsencrypt.org/directory"
