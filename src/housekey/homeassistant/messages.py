"""What Home Assistant says in its log, its repairs and its answers, and what is the matter then.

Read in 2024.3.3, 2026.7.4 and 2026.11.0; paths in sources are inside the package `homeassistant`.
"""

from __future__ import annotations

from housekey.platforms.messages import matters
from housekey.platforms.messages.model import Matter, Message

_HTTP = "Home Assistant, components/http"
_CV = "Home Assistant, helpers/config_validation.py"
_LOG = "home-assistant.log says why, in the lines before; hand it to `housekey explain`"

NOT_A_FILE = Matter(
    "ha-not-a-file",
    "Home Assistant finds no file at {path}.",
    (
        (
            "the path is written as another program sees it: in a container Home Assistant's own"
            " folder is /config"
        ),
        "the file was moved or deleted, but the http: block in configuration.yaml still names it",
        "the folder is not mounted into the container",
    ),
    (
        (
            "correct the path in configuration.yaml, or take the http: block out: from 2026.8 on"
            " it is only checked, not used"
        ),
        "`housekey undo`, if housekey had set Home Assistant up",
    ),
)
NOT_READABLE = Matter(
    "ha-not-readable",
    "Home Assistant may not read {path}.",
    (
        "the file belongs to another user, and its mode keeps Home Assistant out",
        "a folder above it is closed to Home Assistant's user",
    ),
    (
        "`housekey check FOLDER --fix` puts owner and mode right",
        "a key must be readable for Home Assistant's user alone: never mode 755 or 644",
    ),
)
CERTIFICATE_UNUSABLE = Matter(
    "ha-certificate-unusable",
    "Home Assistant could not use the certificate at {path}; the end of the line says why.",
    (
        "certificate and key do not belong together",
        "one of the two files is no PEM file, is encrypted, or cannot be read",
    ),
    (
        "`housekey check FOLDER` looks at both files",
        "`housekey undo`, if housekey had set Home Assistant up",
    ),
)
RECOVERY = Matter(
    "ha-recovery",
    "Home Assistant could not start as configured, and runs in recovery mode.",
    (
        (
            "a line before this one names the reason: mostly an error in configuration.yaml, or a"
            " certificate that could not be used"
        ),
    ),
    (
        _LOG,
        "mend what it names, then restart Home Assistant",
        "`housekey undo`, if it began with housekey",
    ),
)
EMERGENCY = Matter(
    "ha-emergency",
    "Home Assistant runs in recovery mode and shows a certificate of its own making.",
    ("the certificate or key in its configuration could not be used; a line before says why",),
    (
        "go past the browser's warning this once, on your own network only, to reach recovery mode",
        (
            "`housekey check FOLDER` says what is wrong with the files; `housekey undo` puts the"
            " earlier state back"
        ),
    ),
)
PORT_TAKEN = Matter(
    "ha-port",
    "Home Assistant could not listen on port {port}.",
    (
        "another program has the port, or another Home Assistant is still running",
        "a port below 1024 needs a permission that this user does not have",
    ),
    ("stop the other program, or choose another port: `housekey secure --port PORT`",),
)
NOT_CONFIRMED = Matter(
    "ha-not-confirmed",
    "New network settings were tried, nobody confirmed them in five minutes, and Home Assistant"
    " went back to those before.",
    (
        (
            "the page with the question could not be opened: the new certificate was not accepted,"
            " or the address had changed"
        ),
        "the settings came from an http: block in configuration.yaml, which is only tried once",
    ),
    ("`housekey secure` tries them, proves them from outside, and confirms them itself",),
)
APPLY_FAILED = Matter(
    "ha-apply-failed",
    "New network settings could not be applied; Home Assistant went on with those before.",
    (
        "certificate and key could not be used; the end of the line or error_message says why",
        "the port is taken",
        "housekey called a trial off by taking its files away, which looks like this and is meant",
    ),
    ("`housekey check FOLDER` looks at the files", "`housekey secure` tries again"),
)
BIND_FAILED = Matter(
    "ha-bind-failed",
    "Home Assistant refused new network settings: it could not listen there.",
    ("another program has that port or address",),
    ("choose another port: `housekey secure --port PORT`",),
)
STILL_STARTING = Matter(
    "ha-still-starting",
    "Home Assistant takes new network settings only when it has finished starting.",
    ("it was restarted a moment ago",),
    ("wait a minute, and run the same again",),
)
YAML_IGNORED = Matter(
    "ha-yaml-ignored",
    "Home Assistant no longer uses the http: block in configuration.yaml, and says so.",
    ("from 2026.8 on it keeps these settings itself: Settings > System > Network",),
    (
        "`housekey secure` takes the block out",
        "by hand: delete the block first, the files that it names only after a restart",
    ),
)
YAML_IMPORT_FAILED = Matter(
    "ha-yaml-import",
    "Home Assistant could not take the http: block over from configuration.yaml.",
    ("the block is not valid, or its files cannot be used",),
    (_LOG, "`housekey secure` sets it up the new way"),
)
HTTP_INVALID = Matter(
    "ha-http-invalid",
    "Home Assistant does not accept the http: block in its configuration.",
    ("an option is misspelt or misplaced, or one of the two files is missing",),
    (
        "the end of the line says which option; correct it, or take the block out",
        "Developer tools > YAML > Check configuration looks again",
    ),
)
NO_URLS = Matter(
    "ha-no-urls",
    "Home Assistant has a certificate, but does not know by which name it is reached.",
    ("with HTTPS it no longer uses its address if that is a number, so speech and cameras fail",),
    (
        "`housekey secure` sets the internal URL",
        "by hand: Settings > System > Network, an https:// address with a name",
    ),
)
PROXY = Matter(
    "ha-proxy",
    "Home Assistant refuses a request that came through a proxy it was not told about.",
    ("a reverse proxy at {client} passes requests on",),
    (
        (
            "set use_x_forwarded_for, and name {client} under trusted_proxies: in Settings >"
            " System > Network, before 2026.8 under http: in configuration.yaml"
        ),
        "with a certificate in Home Assistant itself no proxy is needed: `housekey secure`",
    ),
)
BANNED = Matter(
    "ha-banned",
    "Home Assistant shut {client} out after wrong sign-ins.",
    ("an app or script still uses an old password or token",),
    (
        "delete the address from ip_bans.yaml in Home Assistant's folder, and restart it",
        "mend the sign-in of that device first",
    ),
)
CLIENT_CA = Matter(
    "ha-peer-certificate",
    "Home Assistant was told to ask every client for a certificate, and cannot.",
    ("the file of ssl_peer_certificate is missing or no PEM file",),
    ("correct ssl_peer_certificate, or take it out",),
)
NEWER_STORAGE = Matter(
    "ha-newer-storage",
    "Home Assistant was started in an older version than the one that wrote its files.",
    ("it was downgraded, or an old backup of the program runs on new files",),
    ("update Home Assistant, or restore a backup of its folder",),
)


def _said(
    id_: str,
    matter: Matter,
    *texts: str,
    source: str = _HTTP,
    rules: tuple[str, ...] = (),
    vague: bool = False,
    follows: bool = False,
) -> Message:
    return Message(
        f"ha-{id_}",
        "Home Assistant",
        matter,
        source,
        texts,
        rules=rules,
        vague=vague,
        follows=follows,
    )


MESSAGES = (
    _said(
        "not-a-file",
        NOT_A_FILE,
        "not a file for dictionary value '{setting}', got '{path}'",
        "not a file for dictionary value '{setting}'",
        "not a file for dictionary value @ data['http']['{setting}']. Got '{path}'",
        "not a file for dictionary value @ data[",
        "not a file for dictionary value",
        source=_CV,
    ),
    _said(
        "not-readable",
        NOT_READABLE,
        "file not readable for dictionary value '{setting}', got '{path}'",
        "file not readable for dictionary value @ data['http']['{setting}']. Got '{path}'",
        "file not readable for dictionary value",
        "file not readable",
        source=_CV,
    ),
    _said(
        "pair",
        matters.KEY_MISMATCH,
        "Could not use SSL certificate from {path}: [X509: KEY_VALUES_MISMATCH]",
        "Could not use SSL certificate from {path}: [X509: KEY_TYPE_MISMATCH]",
        "Could not read SSL certificate from {path}: [X509: KEY_VALUES_MISMATCH]",
        "Could not read SSL certificate from {path}: [X509: KEY_TYPE_MISMATCH]",
    ),
    _said(
        "not-pem",
        matters.NOT_PEM,
        "Could not use SSL certificate from {path}: [SSL] PEM lib",
        "Could not read SSL certificate from {path}: [SSL] PEM lib",
        "Could not use SSL certificate from {path}: [PEM",
        "Could not read SSL certificate from {path}: [PEM",
    ),
    _said(
        "certificate-permission",
        NOT_READABLE,
        "Could not use SSL certificate from {path}: [Errno 13]",
        "Could not read SSL certificate from {path}: [Errno 13]",
    ),
    _said(
        "certificate-gone",
        NOT_A_FILE,
        "Could not use SSL certificate from {path}: [Errno 2]",
        "Could not read SSL certificate from {path}: [Errno 2]",
    ),
    _said(
        "certificate-weak",
        matters.WEAK_KEY,
        "Could not use SSL certificate from {path}: [SSL: EE_KEY_TOO_SMALL]",
        "Could not read SSL certificate from {path}: [SSL: EE_KEY_TOO_SMALL]",
    ),
    _said(
        "certificate-unusable",
        CERTIFICATE_UNUSABLE,
        "Could not use SSL certificate from {path}:",
        "Could not read SSL certificate from {path}:",
        vague=True,
    ),
    _said(
        "emergency",
        EMERGENCY,
        "running in recovery mode with an emergency self signed ssl certificate",
        "Home Assistant Emergency Certificate",
        "Could not create an emergency self signed ssl certificate",
        follows=True,
    ),
    _said(
        "peer-certificate",
        CLIENT_CA,
        "Could not use SSL peer certificate from {path}:",
        "no fallback available because a peer certificate is required",
    ),
    _said(
        "recovery",
        RECOVERY,
        "Activating recovery mode",
        "Starting in recovery mode",
        "Home Assistant is running in recovery mode",
        "Recovery mode active; using stable HTTP config",
        source="Home Assistant, bootstrap.py and components/recovery_mode",
        follows=True,
    ),
    _said(
        "newer-storage",
        NEWER_STORAGE,
        "was created by a newer version of Home Assistant",
        source="Home Assistant, bootstrap.py",
    ),
    _said(
        "port",
        PORT_TAKEN,
        "Failed to create HTTP server at port {port}",
        source=_HTTP,
    ),
    _said(
        "not-confirmed",
        NOT_CONFIRMED,
        "Pending HTTP config was not confirmed within",
        "not_promoted",
    ),
    _said(
        "apply-failed",
        APPLY_FAILED,
        "The new HTTP configuration could not be applied, reverting to",
        "apply_failed",
    ),
    _said(
        "recovery-fallback",
        APPLY_FAILED,
        "The HTTP configuration could not be applied in recovery mode, falling back to",
    ),
    _said("bind-failed", BIND_FAILED, "bind_failed"),
    _said(
        "not-running",
        STILL_STARTING,
        "The HTTP configuration can only be changed while Home Assistant is running",
    ),
    _said(
        "yaml-ignored",
        YAML_IGNORED,
        "The HTTP YAML configuration is deprecated",
        "HTTP YAML configuration is ignored after migration",
        "The HTTP configuration in configuration.yaml has already been migrated",
        "The HTTP configuration in `configuration.yaml` has already been migrated",
        "yaml_still_present_after_migration",
    ),
    _said(
        "yaml-import",
        YAML_IMPORT_FAILED,
        "Failed to migrate HTTP YAML configuration to storage",
        "Failed to import HTTP YAML configuration",
        "deprecated_yaml_import_error",
        "Discarding invalid v1 HTTP config during migration",
    ),
    _said(
        "http-invalid",
        HTTP_INVALID,
        "Invalid config for 'http'",
        "Invalid config for [http]",
        "is an invalid option for 'http'",
        source="Home Assistant, config.py",
        vague=True,
    ),
    _said(
        "no-urls",
        NO_URLS,
        "SSL is configured without an external URL or internal URL",
        "ssl_configured_without_configured_urls",
        "NoURLAvailableError",
        source="Home Assistant, components/http and helpers/network.py",
    ),
    _said(
        "proxy",
        PROXY,
        "A request from a reverse proxy was received from {client}, but your HTTP integration is"
        " not set-up for reverse proxies",
        "Received X-Forwarded-For header from an untrusted proxy {client}",
    ),
    _said(
        "banned",
        BANNED,
        "Banned IP {client} for too many login attempts",
    ),
    _said(
        "tls-to-plain",
        matters.TLS_TO_PLAIN,
        r"b'\x16\x03",  # how a TLS handshake begins
        source="measured, Home Assistant 2024.3.3 (aiohttp)",
    ),
    _said(
        "cast",
        matters.CANNOT_TRUST,
        "Failed to cast media {path}. Please make sure the URL is:",
        "Failed to cast media …Please make sure the URL is:",
        "Home Assistant Cast requires your instance to be reachable via HTTPS",
        source="Home Assistant, components/cast",
        rules=("DEV-01",),
    ),
)
