"""Which road a house is on, and where it keeps what that road needs."""

from __future__ import annotations

ROAD = "road.json"

# On the road of a public name, in the house:
PUBLIC = "public"
ACCOUNT_KEY = f"{PUBLIC}/account.key"  # speaks for the house to the CA; 0600
ACCOUNT = f"{PUBLIC}/account.json"  # where, and as whom, it is registered
DNS = f"{PUBLIC}/dns.json"  # the DNS provider's credentials; 0600
ORDER = f"{PUBLIC}/order"  # the order under way, with the next three in it
ORDER_STATE = "order.json"
ORDER_KEY = "privkey.pem"  # 0600
ORDER_CHAIN = "chain.pem"
