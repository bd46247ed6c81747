"""A public name: certificates from a CA that speaks ACME (RFC 8555), proven by DNS records.

What the protocol and the DNS providers need (acme, josepy, lexicon, dnspython) is imported in this
room alone, and only when an order is made or asked about.
"""
