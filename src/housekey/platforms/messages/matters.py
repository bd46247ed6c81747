"""What can be the matter between a device and a server: one record each.

Where a step names a command with ADDRESS, the address from the text is filled in.
"""

from __future__ import annotations

from housekey.platforms.messages.model import Matter

_CHECK = "`housekey check {host}`: which certificate is presented, and who accepts it"
_NAMES = "`housekey cert list`: the certificates and their names"

# ---- who signed it

UNTRUSTED = Matter(
    "untrusted",
    "This device or program does not trust whoever signed the certificate.",
    (
        "it has not been given the house's root yet",
        "the server sends its certificate without that of the issuing CA",
        (
            "another server answers at this address, or Home Assistant runs in recovery mode and"
            " shows an emergency certificate"
        ),
    ),
    ("give it the root, once: docs/phones.md shows the steps for each device", _CHECK),
)
SELF_SIGNED = Matter(
    "self-signed",
    "The certificate is signed by itself, and this device does not trust it.",
    (
        "it comes from a guide that makes one certificate for two jobs",
        (
            "another server answers at this address: a router, a NAS, or Home Assistant in recovery"
            " mode with an emergency certificate"
        ),
    ),
    (
        _CHECK,
        "`housekey secure` gives Home Assistant a certificate of a root that devices can trust",
    ),
)
ROOT_SENT_UNTRUSTED = Matter(
    "root-sent",
    "The server sends a root along, and this program does not trust that root.",
    (
        "it has not been given the house's root yet",
        "it was given the root of another house, or an older one of the same name",
    ),
    ("give it the root, once: docs/phones.md shows the steps for each device", _CHECK),
)
CHAIN = Matter(
    "chain",
    "The way from the certificate to a root that this program trusts has a gap.",
    (
        "the server sends its own certificate alone, without that of the issuing CA",
        "the program has not been given the house's root yet",
    ),
    (
        _CHECK,
        (
            "the file of ssl_certificate must hold both, the leaf first: housekey writes"
            " certificate.pem like that"
        ),
        "give it the root, once: docs/phones.md shows the steps for each device",
    ),
)
BAD_SIGNATURE = Matter(
    "bad-signature",
    "The certificate was not signed by the certificate that bears the signer's name.",
    (
        "the device still holds an older root or issuing CA of the same name",
        "the certificates in the server's file come from two different houses",
    ),
    (
        "take the old root away from the device, and give it the one of `housekey house show`",
        _CHECK,
    ),
)
REUSED = Matter(
    "reused-serial",
    "The browser has seen another certificate of the same signer with the same number.",
    (
        "certificates were made by hand with a fixed serial number",
        "the root and the certificate that it signed bear the same number",
    ),
    (
        "issue a new one: housekey never uses a number twice",
        "Firefox remembers the old one: restart it, or take it out under View Certificates",
    ),
)
REVOKED = Matter(
    "revoked",
    "The certificate has been withdrawn by whoever issued it.",
    ("it was revoked on purpose",),
    ("issue a new one, and let the server present it", _CHECK),
)
INTERCEPTED = Matter(
    "intercepted",
    "Something between the device and the server shows a certificate of its own.",
    (
        "a virus scanner or a company's proxy reads along",
        "a network wants you to sign in first",
    ),
    ("try another network, and switch off the web protection of virus scanners for this address",),
)
VERIFY_OFF = Matter(
    "verify-off",
    "This program was told not to look at certificates at all.",
    ("somebody switched the check off, to be rid of an error",),
    ("switch it on again, and give the program the root instead: docs/phones.md",),
)
PINNED = Matter(
    "pinned",
    "The program accepts one certain key here, and the server has another.",
    ("the certificate's key was replaced, and the program was told to expect the old one",),
    ("tell the program the new key or certificate, or take the pin out",),
)
PUBLIC_ONLY = Matter(
    "public-log",
    "A publicly trusted certificate is not in the public logs; a house's own never needs to be.",
    ("the certificate comes from a public CA, and lacks what public CAs add",),
    ("ask whoever issued it for a new one", _CHECK),
)
CANNOT_TRUST = Matter(
    "cannot-trust",
    "A speaker or television could not fetch something from Home Assistant.",
    (
        "it has no place where a root could be added, so it refuses the house's certificate",
        "Home Assistant's internal URL is a name that the device cannot look up",
    ),
    (
        "docs/phones.md says which devices cannot be told, and what is left to do",
        "look at the internal URL in Settings > System > Network",
    ),
)

# ---- which name

NAME = Matter(
    "name",
    "The name or address that was asked for is not in the certificate.",
    (
        "another name was typed than those that the certificate lists, such as the number",
        "the certificate has it only in its subject (CN), where nobody looks any more",
        "another server answers at this address",
    ),
    (
        _NAMES,
        "`housekey secure --name {host}`: adds it to Home Assistant's certificate",
        "`housekey cert new {host}`: a certificate for anything else in the house",
        _CHECK,
    ),
)
NO_NAMES = Matter(
    "no-names",
    "The certificate lists no names; it has one in its subject (CN) only, which does not count.",
    ("it was made by an old guide, with the name as Common Name",),
    (
        "`housekey secure`: a certificate with every name of Home Assistant",
        "`housekey cert new {host}`: a certificate for anything else in the house",
    ),
)
CONSTRAINED = Matter(
    "constrained",
    "The certificate names something that its signer may not speak for.",
    (
        "the root or the issuing CA is limited to the names of one home, and this is another",
        "it lists a malformed name, which some platforms count as outside",
    ),
    (
        "`housekey house show`: what the house may speak for",
        (
            "leave that name out, or give the house a new root that covers it:"
            " `housekey house rotate --permit NAME`"
        ),
        _CHECK,
    ),
)

# ---- when

ENDED = Matter(
    "ended",
    "The certificate has ended.",
    (
        "it was not renewed in time",
        "it was renewed, but the server still presents the old one",
        "the clock of the device that says so is wrong",
    ),
    (
        "`housekey status`: how long everything is good for",
        "`housekey secure`: renews Home Assistant's",
        _CHECK,
    ),
)
NOT_YET = Matter(
    "not-yet",
    "The certificate is not good yet.",
    (
        "the clock of the device is behind: a Raspberry Pi or an ESP32 without network has none",
        "the clock of the machine that made the certificate was ahead",
    ),
    ("set the clock of the device", _CHECK),
)
DATES = Matter(
    "dates",
    "The certificate has ended, or it is not good yet.",
    (
        "it was not renewed in time",
        "the clock of the device is wrong",
        "the server still presents an old one",
    ),
    (
        "look at the clock of the device first",
        "`housekey status`: how long everything is good for; `housekey secure` renews",
        _CHECK,
    ),
)
SIGNER_ENDED = Matter(
    "signer-ended",
    "The root or the issuing CA has ended, or is not good yet.",
    ("ten years are over", "the clock of the device is wrong"),
    ("look at the clock of the device first", "`housekey house show`: when each ends"),
)
TOO_LONG = Matter(
    "too-long",
    "The certificate is good for longer than this platform allows.",
    ("Apple accepts at most 825 days under a root that you added, and old guides make ten years",),
    (
        "`housekey secure`: one for 397 days; for anything else: `housekey cert new {host}`",
        "`housekey check {host}` names the limit of each platform",
    ),
)
APPLE_STANDARD = Matter(
    "apple-standard",
    "The certificate breaks a rule of Apple's.",
    (
        "it is good for longer than 825 days, as old guides make it",
        "it uses SHA-1, a short RSA key, Ed25519, or a name outside the root's constraints",
    ),
    (_CHECK, "issue a new one: `housekey secure`, or `housekey cert new {host}`"),
)
PUBLIC_LIFETIME = Matter(
    "public-lifetime",
    "A publicly trusted certificate is good for longer than public CAs may issue.",
    ("the rule is for public CAs only: Chrome sets no limit for a root that you added yourself",),
    (_CHECK,),
)

# ---- what it is made of

WRONG_USE = Matter(
    "wrong-use",
    "The certificate, or one above it, is not made for servers.",
    ("its extended key usage lacks serverAuth, or says only anyExtendedKeyUsage",),
    (_CHECK, "issue a new one: `housekey secure`, or `housekey cert new {host}`"),
)
KEY_USAGE = Matter(
    "key-usage",
    "The certificate's key may not be used in this way.",
    (
        "its key usage lacks digitalSignature",
        "the signer's key usage lacks keyCertSign",
    ),
    (_CHECK, "issue a new one: `housekey secure`, or `housekey cert new {host}`"),
)
CA_AS_LEAF = Matter(
    "ca-as-leaf",
    "The server presents a certificate that may sign others, and this platform refuses that.",
    ("one certificate was made for two jobs: root and server, as many guides do",),
    (
        "`housekey secure` makes a root for the devices and another certificate for the server",
        _CHECK,
    ),
)
NOT_A_CA = Matter(
    "not-a-ca",
    "The certificate that signed this one is not marked as one that may sign.",
    (
        "the device was given a server's self-signed certificate instead of a root",
        "the root lacks basicConstraints or keyCertSign",
    ),
    (
        "give the device root.pem of the house: docs/phones.md",
        _CHECK,
    ),
)
PATH_LENGTH = Matter(
    "path-length",
    "There are more signers between root and certificate than one of them allows.",
    ("a pathLen of the root or of the issuing CA is too small",),
    (_CHECK,),
)
STRICT = Matter(
    "strict",
    "The certificate, or a CA above it, breaks a rule of RFC 5280 that this program insists on.",
    (
        (
            "a root made by an old guide lacks what Python 3.13, and Home Assistant since 2024.12,"
            " ask for: key identifiers, a key usage, critical basicConstraints"
        ),
    ),
    (
        "`housekey check FILE --root ROOT`: what is missing",
        "make a new root: a house has all of it; every device must be given the new root",
    ),
)
MALFORMED = Matter(
    "malformed",
    "The certificate cannot be read, or holds something that may not be there.",
    (
        "it was made by a tool with a bug of its own",
        "it lists a malformed name (*.lan, an address as text) under a root with name constraints",
        "the file is damaged",
    ),
    (_CHECK, "issue a new one: `housekey secure`, or `housekey cert new {host}`"),
)
INVALID = Matter(
    "invalid",
    "The certificate breaks a rule of this browser; there is no way to go on all the same.",
    (
        "it names something outside the root's name constraints",
        "its usage is not that of a server, or it was signed with SHA-1",
        "a self-signed certificate was added as if it were a root",
    ),
    (_CHECK,),
)
CRITICAL = Matter(
    "critical",
    "The certificate has a critical extension that this program does not know.",
    (
        "name constraints marked critical, on an ESP32 (Mbed TLS cannot read such a root)",
        "an extension that no standard marks critical",
    ),
    (
        _CHECK,
        "a house's constraints are not critical unless that was asked for",
    ),
)
WEAK_KEY = Matter(
    "weak-key",
    "A key in the chain is too short.",
    ("an RSA key of 1024 bits, from an old guide or an old device",),
    (
        "issue a new one with `housekey secure` or `housekey cert new {host}`",
        _CHECK,
    ),
)
WEAK_HASH = Matter(
    "weak-hash",
    "A certificate in the chain is signed in a way that counts as broken (SHA-1 or MD5).",
    ("it comes from an old guide or an old device",),
    ("issue a new one with `housekey secure` or `housekey cert new {host}`", _CHECK),
)
KEY_KIND = Matter(
    "key-kind",
    "The kind of key or curve is not one that this platform takes.",
    ("an Ed25519, P-521, secp256k1 or brainpool key: browsers take P-256, P-384 and RSA",),
    ("issue a new one: `housekey cert new {host}` makes ECDSA P-256", _CHECK),
)
STAPLE = Matter(
    "must-staple",
    "The certificate promises a proof of validity with every connection, and none is sent.",
    ("it was made with the extension that is called must-staple",),
    ("issue a new one without it: housekey never adds it",),
)
REVOCATION = Matter(
    "revocation",
    "The program wants to ask whether the certificate was withdrawn, and there is nobody to ask.",
    ("a house has no such service, and Windows insists on one by default",),
    ("with curl of Windows: `curl --ssl-revoke-best-effort`",),
)

# ---- how they speak

PLAIN_TO_TLS = Matter(
    "plain-to-tls",
    "Somebody spoke http:// to a port that only speaks https://.",
    (
        "an old bookmark, app setting or script still says http://",
        "a proxy in front passes requests on with http://",
    ),
    ("change http:// to https:// there",),
)
TLS_TO_PLAIN = Matter(
    "tls-to-plain",
    "Somebody spoke https:// to a port that does not.",
    (
        "Home Assistant still speaks http:// there, or went back to it",
        "the port is that of another program",
    ),
    (
        "`housekey check {host}` tells what the port speaks",
        "`housekey secure` takes Home Assistant to https",
    ),
)
NO_ANSWER = Matter(
    "no-answer",
    "The connection was made, and ended without an answer.",
    (
        "http:// was used where the server speaks only https:// now",
        "the server dropped the connection while both agreed on TLS",
        "Home Assistant was just restarting",
    ),
    ("open the https:// address", _CHECK),
)
VERSION = Matter(
    "version",
    "Both sides know no version of TLS, or no cipher, in common.",
    (
        "the device is old and lacks TLS 1.2 or 1.3",
        "Home Assistant's SSL profile is modern, which leaves older devices out",
        "the certificate's key is of a kind that this browser does not take (Ed25519, P-521)",
    ),
    (
        "take the SSL profile back to intermediate in Home Assistant's network settings",
        _CHECK,
    ),
)
HANDSHAKE = Matter(
    "handshake",
    "The two sides could not agree on a secure connection; this line does not say why.",
    (
        "the lines before or after it tell more, mostly",
        "the certificate was not accepted",
        "one side speaks http://, or a version of TLS that the other does not",
    ),
    (_CHECK,),
)
UNVERIFIED = Matter(
    "unverified",
    "The certificate was not accepted; this line does not say why.",
    (
        "this device or program does not trust the house's root yet",
        "the name that was asked for is not in the certificate",
        "the certificate has ended, or the clock is wrong",
    ),
    (_CHECK, "docs/phones.md shows how each device is given the root"),
)
CLIENT_REFUSES = Matter(
    "client-refuses",
    "A device that connects to this server does not accept the server's certificate.",
    (
        "{client} has not been given the house's root",
        "it asks for a name that is not in the certificate",
        "it is a speaker, television or camera that cannot be given one",
    ),
    (
        "find out which device it is, and give it the root: docs/phones.md",
        "if it cannot be told, docs/phones.md says what is left to do",
    ),
)
CLIENT_CERTIFICATE = Matter(
    "client-certificate",
    "The server asks every client for a certificate of its own, and got none that it likes.",
    (
        "ssl_peer_certificate is set in Home Assistant, or a proxy asks for client certificates",
        "the certificate on this device is missing, has ended, or is of another CA",
    ),
    ("take ssl_peer_certificate out, or give this device a client certificate",),
)
HSTS = Matter(
    "hsts",
    "The browser was told to accept no exception for this name.",
    ("the site once sent Strict-Transport-Security, and the certificate is not accepted now",),
    (
        "mend the certificate itself: `housekey check {host}` says what is wrong with it",
        "Chrome forgets it under chrome://net-internals/#hsts",
    ),
)
MIXED = Matter(
    "mixed-content",
    "A page that came over https:// wants something over http://, and the browser refuses.",
    (
        "a dashboard card, picture or camera has an http:// address in it",
        "the internal URL of Home Assistant still says http://",
    ),
    (
        "change that address to https://, or let Home Assistant fetch it instead of the browser",
        "look at the internal URL in Settings > System > Network",
    ),
)
CLEARTEXT = Matter(
    "cleartext",
    "The app refuses http:// altogether.",
    ("an address with http:// was given to an app that only takes https://",),
    ("give the app the https:// address; `housekey secure` makes that there is one",),
)
LOCAL_NETWORK = Matter(
    "local-network",
    "The iPhone, iPad or Mac did not get through to the server at all.",
    (
        "the app is not allowed to look into the local network",
        "the server is off, or the name leads nowhere from there",
    ),
    (
        "Settings > Privacy & Security > Local Network: switch it on for the app",
        "open the same address in Safari, which needs no such permission",
    ),
)
REFUSED = Matter(
    "refused",
    "Nothing listens at that address and port.",
    (
        "Home Assistant is not running, or still starting",
        "it listens on another port now",
        "the address is that of another machine",
    ),
    ("start it, and look at the port in the address", _CHECK),
)
TIMEOUT = Matter(
    "time-out",
    "Nobody answered in time.",
    (
        "the machine is off, or in another network",
        "a firewall drops the connection",
        "the name leads to an address that is no longer in use",
    ),
    (_CHECK, "try the address made of numbers"),
)
NO_SUCH_NAME = Matter(
    "no-such-name",
    "The name could not be looked up from this device.",
    (
        "a typo",
        (
            "names that end in .local do not work on every device; many Android phones do not know"
            " them"
        ),
        "a name of the router's is known only to devices that ask the router",
    ),
    (
        "use the address made of numbers",
        "`housekey cert list` shows whether that address is in the certificate",
    ),
)

# ---- files

CA_FILE = Matter(
    "ca-file",
    "The program was told of a file with roots, and cannot use it.",
    (
        "the path is wrong, as this program sees it; in a container it sees other folders",
        "the file is not readable for it, or is no PEM file with certificates",
    ),
    ("look at {path}: `housekey pem show FILE` says what is in a file",),
)
NO_ROOTS = Matter(
    "no-roots",
    "The program trusts nobody at all: its list of roots is empty or missing.",
    ("the path of its trust store is wrong", "the package ca-certificates is not installed"),
    (
        "look at the path of the trust store",
        "install ca-certificates, then give it the root: docs/phones.md",
    ),
)
KEY_MISMATCH = Matter(
    "key-mismatch",
    "Certificate and private key do not belong together.",
    (
        "one of the two files was replaced without the other",
        "in the certificate's file the issuing CA or the root stands first, and not the leaf",
    ),
    (
        "`housekey pem match FILE FILE`: whether two files belong together",
        (
            "`housekey secure` gives Home Assistant a pair that does, and `housekey undo` puts the"
            " earlier state back"
        ),
    ),
)
NOT_PEM = Matter(
    "not-pem",
    "A file is not what it should be: a certificate or a private key in PEM form.",
    (
        "certificate and key stand in each other's place",
        "the file is DER or PKCS#12, is empty, or is damaged",
        "the key is encrypted, and nobody is there to type its passphrase",
    ),
    (
        "`housekey pem show FILE`: what is in a file",
        "`housekey pem convert` makes PEM of other forms",
        "`housekey pem key` takes a passphrase off",
    ),
)
KEY_LOCKED = Matter(
    "key-locked",
    "The private key is encrypted, or the passphrase is not the right one.",
    (
        "Home Assistant and most servers need a key without a passphrase",
        "the passphrase was mistyped",
    ),
    ("`housekey pem key` takes the passphrase off",),
)
PASSWORD = Matter(
    "password",
    "The password of the PKCS#12 file or key store is not the right one.",
    ("it was mistyped", "the file is damaged, or of another kind"),
    (
        "try again; the usual password of Java's own store is changeit",
        "`housekey pem show FILE`: what is in a file",
    ),
)
