"""The settings of a server's TLS context, read from it and given to another.

What a connection takes from the context that is put in its place in the middle of its handshake,
and what it keeps from the first one, is OpenSSL's choice (SSL_set_SSL_CTX; measured with 3.0 and
3.6): versions, options, groups, tickets and whether clients must show a certificate stay;
ciphers, the authorities of client certificates and ALPN come from the new one. All that can be
read is copied all the same, so that the new one can be rehearsed on its own.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

_OLD = (ssl.TLSVersion.SSLv3, ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
# Which versions are spoken is said by minimum and maximum; Python warns of these.
_VERSIONS = ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1 | ssl.OP_NO_TLSv1_2 | ssl.OP_NO_TLSv1_3
_NOT = {ssl.TLSVersion.TLSv1_2: ssl.OP_NO_TLSv1_2, ssl.TLSVersion.TLSv1_3: ssl.OP_NO_TLSv1_3}


class SettingsUnknown(Exception):
    """Some setting cannot be read, or cannot be given to another context; says which."""


class AuthoritiesUnknown(SettingsUnknown):
    """Who may sign the certificates of clients cannot be read in full."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server's TLS context is set to."""

    minimum: ssl.TLSVersion
    maximum: ssl.TLSVersion
    options: ssl.Options
    ciphers: tuple[str, ...]  # by name, in order, those of TLS 1.3 among them
    security_level: int  # OpenSSL's, 0 to 5
    verify_mode: ssl.VerifyMode  # CERT_REQUIRED: clients must show a certificate
    verify_flags: ssl.VerifyFlags
    authorities: tuple[bytes, ...]  # DER; whose certificates of clients are accepted
    post_handshake_auth: bool

    def context(self, *, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
        """Return a new server's context that is set so, without a pair.

        ALPN cannot be read from a context, so it is handed in. Raises SettingsUnknown when
        OpenSSL makes something else of it.
        """
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if self.minimum not in _OLD:
            made.minimum_version = self.minimum
        if self.maximum not in _OLD:
            made.maximum_version = self.maximum
        made.options = self.options & ~_VERSIONS
        # Those of TLS 1.3 are no part of this list; they are always on.
        listed = [name for name in self.ciphers if not name.startswith("TLS_")]
        try:
            made.set_ciphers(
                ":".join([*(listed or ["DEFAULT"]), f"@SECLEVEL={self.security_level}"])
            )
        except ssl.SSLError as error:
            raise SettingsUnknown("its ciphers cannot be given to another") from error
        made.verify_mode = self.verify_mode
        made.verify_flags = self.verify_flags
        made.post_handshake_auth = self.post_handshake_auth
        if self.authorities:
            made.load_verify_locations(cadata=b"".join(self.authorities))
        if alpn:
            made.set_alpn_protocols(list(alpn))
        if listed and _ciphers_of(made) != self.ciphers:
            raise SettingsUnknown("its ciphers cannot be given to another")
        return made

    def speaks(self, version: ssl.TLSVersion) -> bool:
        """Whether a client that has `version` alone (1.2 or 1.3) can connect at all."""
        most, least = ssl.TLSVersion.MAXIMUM_SUPPORTED, ssl.TLSVersion.MINIMUM_SUPPORTED
        above = self.minimum is least or (self.minimum is not most and version >= self.minimum)
        below = self.maximum is most or (self.maximum is not least and version <= self.maximum)
        above = above or (self.minimum is most and version is ssl.TLSVersion.TLSv1_3)
        return above and below and not self.options & _NOT[version]


def settings_of(context: ssl.SSLContext) -> Settings:
    """Read what `context` is set to; it is not changed. Raises SettingsUnknown.

    Python has no way to read ALPN and the curves.
    """
    return Settings(
        minimum=context.minimum_version,
        maximum=context.maximum_version,
        options=context.options,
        ciphers=_ciphers_of(context),
        security_level=context.security_level,
        verify_mode=context.verify_mode,
        verify_flags=context.verify_flags,
        authorities=_authorities_of(context),
        post_handshake_auth=context.post_handshake_auth,
    )


def _ciphers_of(context: ssl.SSLContext) -> tuple[str, ...]:
    return tuple(each["name"] for each in context.get_ciphers())


def _authorities_of(context: ssl.SSLContext) -> tuple[bytes, ...]:
    """Return whose certificates of clients are accepted; nobody's where clients show none."""
    if context.verify_mode is ssl.CERT_NONE:
        return ()
    held = context.cert_store_stats()
    listed = tuple(context.get_ca_certs(binary_form=True))
    # Python lists neither lists of revoked ones nor certificates that are no authority, and
    # looks into a folder of them only while it verifies.
    if held["crl"] or held["x509"] != len(listed) or not listed:
        raise AuthoritiesUnknown("whose certificates of clients it accepts cannot be read in full")
    return listed
