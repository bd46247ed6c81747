"""Another certificate for a running server, in memory: every client, every refusal."""

from __future__ import annotations

import contextlib
import gc
import ssl
import warnings
import weakref
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from housekey.errors import PairRefused, SwapRefused
from housekey.live.contexts import LiveContext, NotLive, Obstacle, Prepared, adopt
from housekey.live.pair import load_pair
from housekey.live.settings import settings_of
from housekey.live.tls import context_trusting
from housekey.pki.encoding import chain_to_pem, to_der
from housekey.pki.issuing import issue_leaf
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.secret import Secret
from tests.pki.houses import a_house, names

if TYPE_CHECKING:
    from pathlib import Path

TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
KINDS = (KeyType.ECDSA_P256, KeyType.RSA_2048, KeyType.ECDSA_P384)
each_version = pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3], ids=["1.2", "1.3"])


@dataclass(frozen=True)
class Pair:
    leaf: x509.Certificate
    chain_pem: bytes
    key_pem: Secret


def a_pair(kind: KeyType = KeyType.ECDSA_P256, *, born: datetime | None = None) -> Pair:
    house = a_house()
    key = PrivateKey.generate(kind)
    leaf = issue_leaf(
        public_key=key.public_key,
        names=names("ha.lan", "127.0.0.1"),
        issuer=house.issuing,
        now=born or datetime.now(UTC),
        days=30,
    )
    return Pair(leaf, chain_to_pem([leaf, house.issuing.certificate]), key.to_pem())


def a_server(pair: Pair | None = None) -> ssl.SSLContext:
    """A server's context as Home Assistant 2026.7 makes it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = TLS_1_2
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_COMPRESSION
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    if pair is not None:
        load_pair(context, pair.chain_pem, pair.key_pem)
    return context


def led(context: ssl.SSLContext) -> LiveContext:
    live = adopt(context)
    assert isinstance(live, LiveContext), live
    return live


def prepared(live: LiveContext, pair: Pair, *, name: str | None = "ha.lan") -> Prepared:
    return live.prepare(
        pair.chain_pem,
        pair.key_pem,
        root=a_house().root.certificate,
        names=names(name) if name else (),
        at=datetime.now(UTC),
    )


def a_client(version: ssl.TLSVersion) -> ssl.SSLContext:
    client = context_trusting(a_house().root.certificate)
    client.minimum_version = client.maximum_version = version
    return client


@dataclass(frozen=True)
class Met:
    leaf: bytes | None
    resumed: bool
    session: ssl.SSLSession | None
    asking: ssl.SSLObject
    answering: ssl.SSLObject


def connect(
    server: ssl.SSLContext,
    client: ssl.SSLContext,
    name: str | None = "ha.lan",
    session: ssl.SSLSession | None = None,
) -> Met:
    """A connection, with some bytes either way: with them come the tickets of TLS 1.3."""
    down, up = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(down, up, server_hostname=name, session=session)
    answering = server.wrap_bio(up, down, server_side=True)
    for end in cycle((asking, answering)):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
        if end is answering:
            break
    asking.do_handshake()
    answering.write(b"hello")
    assert asking.read(5) == b"hello"
    return Met(
        asking.getpeercert(binary_form=True),
        bool(asking.session_reused),
        asking.session,
        asking,
        answering,
    )


@each_version
@pytest.mark.parametrize("name", ["ha.lan", "127.0.0.1", None], ids=["name", "address", "no SNI"])
def test_after_a_swap_every_client_meets_the_new_leaf_and_open_connections_go_on(
    version: ssl.TLSVersion, name: str | None
) -> None:
    server, client = a_server(a_pair()), a_client(version)
    client.check_hostname = name is not None
    live = led(server)
    early = connect(server, client, name)
    for kind in (*KINDS, *KINDS):
        pair = a_pair(kind)
        live.swap(prepared(live, pair))
        assert connect(server, client, name).leaf == to_der(pair.leaf)
        assert live.leaf == pair.leaf
    early.asking.write(b"still")
    assert early.answering.read(5) == b"still"


def test_adopting_and_preparing_change_nothing() -> None:
    first = a_pair()
    server = a_server(first)
    options = server.options, server.num_tickets, server.sni_callback
    live = led(server)
    prepared(live, a_pair(KeyType.RSA_2048))
    assert connect(server, a_client(TLS_1_2)).leaf == to_der(first.leaf)
    assert (server.options, server.num_tickets, server.sni_callback) == options
    assert live.leaf is None


@each_version
def test_a_hello_retry_request_in_between_meets_the_new_leaf_too(
    version: ssl.TLSVersion,
) -> None:
    server, client, pair = a_server(a_pair()), a_client(version), a_pair(KeyType.ECDSA_P384)
    server.set_ecdh_curve("secp384r1")  # clients begin with X25519
    live = led(server)
    live.swap(prepared(live, pair))
    assert connect(server, client).leaf == to_der(pair.leaf)


@each_version
def test_a_session_from_before_becomes_a_whole_handshake_that_shows_the_new_leaf(
    version: ssl.TLSVersion,
) -> None:
    server, client = a_server(a_pair()), a_client(version)
    live = led(server)
    old = connect(server, client).session
    assert old is not None
    assert old.has_ticket
    assert connect(server, client, session=old).resumed

    for kind in KINDS:
        pair = a_pair(kind)
        live.swap(prepared(live, pair))
        met = connect(server, client, session=old)
        assert (met.leaf, met.resumed) == (to_der(pair.leaf), False)

    live.sessions_again()
    new = connect(server, client).session
    assert new is not None
    met = connect(server, client, session=new)
    assert (met.leaf, met.resumed) == (to_der(pair.leaf), True)


@each_version
def test_a_handshake_in_the_middle_of_which_it_is_swapped_ends_well(
    version: ssl.TLSVersion,
) -> None:
    server, client, early, late = a_server(a_pair()), a_client(version), a_pair(), a_pair(KINDS[1])
    live = led(server)
    live.swap(prepared(live, early))
    ready = prepared(live, late)
    for swapped_before in ("the greeting is read", "the answer is read"):
        down, up = ssl.MemoryBIO(), ssl.MemoryBIO()
        asking = client.wrap_bio(down, up, server_hostname="ha.lan")
        answering = server.wrap_bio(up, down, server_side=True)
        with pytest.raises(ssl.SSLWantReadError):
            asking.do_handshake()
        if swapped_before == "the greeting is read":
            live.swap(ready)
        with pytest.raises(ssl.SSLWantReadError):
            answering.do_handshake()
        live.swap(ready)
        for end in (asking, answering, asking):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
        expected = late if swapped_before == "the greeting is read" else early
        assert asking.getpeercert(binary_form=True) == to_der(expected.leaf), swapped_before
        answering.write(b"hello")
        assert asking.read(5) == b"hello"
        live.swap(prepared(live, early))


# Python itself tells of it, and refuses (CPython, Modules/_ssl.c, _servername_callback).
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_greeting_with_a_name_that_is_none_is_refused_and_harms_nobody_else() -> None:
    server, client, pair = a_server(a_pair()), a_client(TLS_1_3), a_pair()
    live = led(server)
    live.swap(prepared(live, pair))
    down, up = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        client.wrap_bio(down, up, server_hostname="ha.lan").do_handshake()
    up.write(up.read().replace(b"ha.lan", b"h\xff.lan"))
    with pytest.raises(ssl.SSLError, match="CALLBACK_FAILED"):
        server.wrap_bio(up, down, server_side=True).do_handshake()
    assert connect(server, client).leaf == to_der(pair.leaf)


def test_sessions_come_back_as_they_were() -> None:
    server = a_server(a_pair())
    server.options |= ssl.OP_NO_TICKET
    server.num_tickets = 1
    live = led(server)
    live.sessions_again()  # without a swap: nothing
    for _ in range(2):
        live.swap(prepared(live, a_pair()))
        assert server.num_tickets == 0
    live.sessions_again()
    assert server.num_tickets == 1
    assert server.options & ssl.OP_NO_TICKET


def test_an_old_context_is_gone_with_its_last_connection() -> None:
    server, client = a_server(a_pair()), a_client(TLS_1_3)
    live = led(server)
    gc.collect()
    gc.disable()  # so nothing is found in a circle
    try:
        live.swap(first := prepared(live, a_pair()))
        old = weakref.ref(first.context)
        del first
        open_one = connect(server, client)
        live.swap(prepared(live, a_pair()))
        assert old() is not None
        del open_one
        assert old() is None
        newest = weakref.ref(prepared(live, a_pair()).context)
        assert newest() is None
        live.release()
        released = weakref.ref(live)
        del live
        assert released() is None
        gone = weakref.ref(server)
        del server
        assert gone() is None
    finally:
        gc.enable()


def test_what_is_newest_stays_presented_after_the_release() -> None:
    server, client, pair = a_server(a_pair()), a_client(TLS_1_2), a_pair(KeyType.RSA_2048)
    live = led(server)
    ready = prepared(live, a_pair())
    live.swap(prepared(live, pair))
    live.release()
    assert connect(server, client).leaf == to_der(pair.leaf)
    with pytest.raises(SwapRefused, match="let go"):
        live.swap(ready)
    with pytest.raises(SwapRefused, match="let go"):
        prepared(live, pair)
    assert connect(server, client).leaf == to_der(pair.leaf)


def test_one_that_was_let_go_is_taken_up_again_as_it_is() -> None:
    server, client, pair = a_server(a_pair()), a_client(TLS_1_2), a_pair(KeyType.RSA_2048)
    before = server.options, server.num_tickets
    live = led(server)
    live.swap(prepared(live, pair))
    live.release()
    again = led(server)
    assert again.leaf == pair.leaf
    newest = a_pair(KeyType.ECDSA_P384)
    again.swap(prepared(again, newest))
    assert connect(server, client).leaf == to_der(newest.leaf)
    again.sessions_again()
    assert (server.options, server.num_tickets) == before


def test_the_callback_never_raises_into_a_handshake() -> None:
    first = a_pair()
    server = a_server(first)
    live = led(server)
    live.swap(prepared(live, a_pair()))
    server.sni_callback.context = "not a context"  # type: ignore[union-attr]
    assert connect(server, a_client(TLS_1_3)).leaf == to_der(first.leaf)


def another_key(pair: Pair) -> Pair:
    return Pair(pair.leaf, pair.chain_pem, a_pair().key_pem)


def cut_short(pair: Pair) -> Pair:
    return Pair(pair.leaf, pair.chain_pem[:300], pair.key_pem)


def without_the_issuing_ca(pair: Pair) -> Pair:
    return Pair(pair.leaf, chain_to_pem([pair.leaf]), pair.key_pem)


def locked(pair: Pair) -> Pair:
    key = serialization.load_pem_private_key(pair.key_pem.reveal(), None)
    sealed = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    return Pair(pair.leaf, pair.chain_pem, Secret(sealed))


def empty(pair: Pair) -> Pair:
    return Pair(pair.leaf, b"", Secret(b""))


@pytest.mark.parametrize("spoil", [another_key, cut_short, without_the_issuing_ca, locked, empty])
def test_a_broken_pair_is_refused_and_the_one_of_before_stays(spoil: object) -> None:
    server, pair = a_server(a_pair()), a_pair()
    live = led(server)
    live.swap(prepared(live, pair))
    assert callable(spoil)
    with pytest.raises(PairRefused, match="the new certificate is not presented"):
        prepared(live, spoil(a_pair()))
    for version in (TLS_1_2, TLS_1_3):
        assert connect(server, a_client(version)).leaf == to_der(pair.leaf)


def test_what_is_no_pair_is_not_loaded_and_leaves_no_server() -> None:
    """Why whole contexts are swapped: the two traps of loading into the same one."""
    first, other = a_pair(), a_pair(KeyType.RSA_2048)
    both = a_server(first)
    load_pair(both, other.chain_pem, other.key_pem)
    assert connect(both, a_client(TLS_1_3)).leaf == to_der(first.leaf)

    none = a_server(first)
    with pytest.raises(OSError, match=r"MISMATCH|Illegal seek"):
        load_pair(none, a_pair().chain_pem, a_pair().key_pem)
    with pytest.raises(ssl.SSLError):
        connect(none, a_client(TLS_1_3))


def test_a_pair_for_other_names_or_of_other_times_is_refused() -> None:
    live = led(a_server(a_pair()))
    with pytest.raises(PairRefused, match=r"is not for other\.lan"):
        prepared(live, a_pair(), name="other.lan")
    pair = a_pair()
    for days, why in ((-3, "not valid before"), (60, "ended")):
        with pytest.raises(PairRefused, match=why):
            live.prepare(
                pair.chain_pem,
                pair.key_pem,
                root=a_house().root.certificate,
                at=datetime.now(UTC) + timedelta(days=days),
            )


def test_a_pair_that_some_device_could_not_shake_hands_with_is_refused() -> None:
    server = a_server(a_pair())
    server.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    live = led(server)
    with pytest.raises(PairRefused, match=r"devices that speak TLS 1\.2 could not connect"):
        prepared(live, a_pair(KeyType.RSA_2048))
    live.swap(prepared(live, a_pair(KeyType.ECDSA_P384)))


def test_what_cannot_be_adopted_says_why() -> None:
    assert adopt(None) == NotLive(Obstacle.NO_TLS, "the server does not speak TLS")
    odd = adopt(object())
    assert isinstance(odd, NotLive)
    assert odd.obstacle is Obstacle.UNKNOWN
    server = a_server(a_pair())
    server.sni_callback = lambda *_: None
    taken = adopt(server)
    assert isinstance(taken, NotLive)
    assert taken.obstacle is Obstacle.TAKEN


def test_a_callback_that_somebody_sets_later_is_left_alone() -> None:
    server = a_server(a_pair())
    live = led(server)
    live.swap(prepared(live, a_pair()))
    theirs = lambda *_: None  # noqa: E731
    server.sni_callback = theirs
    with pytest.raises(SwapRefused, match="something else"):
        live.swap(prepared(live, a_pair()))
    assert server.sni_callback is theirs


def test_a_pair_prepared_for_another_server_is_a_mistake() -> None:
    one, other = led(a_server(a_pair())), led(a_server(a_pair()))
    with pytest.raises(ValueError, match="another server"):
        one.swap(prepared(other, a_pair()))


@each_version
def test_settings_are_the_same_after_a_swap(version: ssl.TLSVersion) -> None:
    server, client = a_server(a_pair()), a_client(version)
    server.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256")
    server.set_alpn_protocols(["http/1.1"])
    client.set_alpn_protocols(["http/1.1"])
    before = connect(server, client)
    live = led(server)
    live.swap(prepared(live, a_pair(KeyType.ECDSA_P384)))
    after = connect(server, client)
    assert after.asking.cipher() == before.asking.cipher()
    assert after.asking.selected_alpn_protocol() == "http/1.1"
    assert after.asking.version() == before.asking.version()


def modern(context: ssl.SSLContext) -> None:
    """As Home Assistant 2026.11 makes `modern_v6` (util/ssl.py)."""
    context.minimum_version = TLS_1_3
    context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE


def old(context: ssl.SSLContext) -> None:
    """As somebody makes it who still has old devices."""
    context.set_ciphers("ALL:!aNULL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.options |= ssl.OP_NO_TLSv1_1


def strict(context: ssl.SSLContext) -> None:
    """As somebody makes it who has read much."""
    context.set_ciphers("ECDHE+AESGCM:@SECLEVEL=3")
    context.maximum_version = TLS_1_3
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_SINGLE_ECDH_USE


def plain(_context: ssl.SSLContext) -> None:
    """As Python makes it."""


@pytest.mark.parametrize("make", [modern, old, strict, plain])
def test_servers_of_many_kinds_can_be_led_and_stay_what_they_are(make: object) -> None:
    server, kind = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), KeyType.ECDSA_P384
    assert callable(make)
    make(server)
    first, pair = a_pair(kind), a_pair(kind)
    load_pair(server, first.chain_pem, first.key_pem)
    before = settings_of(server)
    live = led(server)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a thread of Home Assistant's must not warn either
        live.swap(ready := prepared(live, pair))
    live.sessions_again()
    assert settings_of(server) == before
    after = settings_of(ready.context)
    assert (after.ciphers, after.security_level) == (before.ciphers, before.security_level)
    assert connect(server, a_client(TLS_1_3)).leaf == to_der(pair.leaf)


def test_a_server_of_tls_1_3_alone_stays_so() -> None:
    server = a_server(a_pair())
    server.minimum_version = TLS_1_3
    live = led(server)
    pair = a_pair(KeyType.RSA_2048)
    live.swap(prepared(live, pair))
    assert connect(server, a_client(TLS_1_3)).leaf == to_der(pair.leaf)
    with pytest.raises(ssl.SSLError, match=r"(?i)version|protocol"):
        connect(server, a_client(TLS_1_2))


def a_person(folder: Path, name: str) -> tuple[Path, x509.Certificate]:
    """Somebody with a certificate for clients, signed by itself; the file holds its key, too."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    file.touch(mode=0o600)
    file.write_bytes(
        chain_to_pem([certificate])
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file, certificate


@each_version
def test_clients_that_must_show_a_certificate_must_after_a_swap_too(
    version: ssl.TLSVersion, tmp_path: Path
) -> None:
    file, certificate = a_person(tmp_path, "ada")
    stranger, _ = a_person(tmp_path, "eve")
    server, pair = a_server(a_pair()), a_pair(KeyType.RSA_2048)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(cadata=to_der(certificate))
    live = led(server)
    live.swap(prepared(live, pair))

    client = a_client(version)
    client.load_cert_chain(file)
    met = connect(server, client)
    assert met.leaf == to_der(pair.leaf)
    assert met.answering.getpeercert(binary_form=True) == to_der(certificate)

    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        connect(server, a_client(version))
    other = a_client(version)
    other.load_cert_chain(stranger)
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(server, other)


def test_whose_certificates_of_clients_cannot_be_copied_is_not_adopted() -> None:
    server = a_server(a_pair())
    server.verify_mode = ssl.CERT_REQUIRED
    nobody = adopt(server)
    assert isinstance(nobody, NotLive)
    assert nobody.obstacle is Obstacle.CLIENT_CERTIFICATES
    # One that is no authority is trusted, and Python does not list it.
    server.load_verify_locations(cadata=to_der(a_pair().leaf))
    hidden = adopt(server)
    assert isinstance(hidden, NotLive)
    assert hidden.obstacle is Obstacle.CLIENT_CERTIFICATES
