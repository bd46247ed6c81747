"""The house's account with an ACME CA: its key, who is registered as what, on which terms.

One key speaks for the house to every CA, and lies in the house before a CA hears of it. To register
a key that is registered already gives the same account again (RFC 8555, section 7.3.1), so a kill
anywhere in between does no harm.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from housekey.errors import CaRefused, FileTrouble, HouseBroken, PublicTrouble
from housekey.house.leaves import read_key
from housekey.house.road import ACCOUNT, ACCOUNT_KEY, PUBLIC, refuse_newer
from housekey.house.who import who
from housekey.public.limits import ACCOUNT_STEP, ORDER, limits_of, no_more_accounts
from housekey.public.waiting import honoured_in, kept, must_not_wait, not_before

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from housekey.house.files import Files
    from housekey.house.house import House
    from housekey.pki.keys import PrivateKey
    from housekey.pki.secret import Secret
    from housekey.public.ca import Ca
    from housekey.public.settings import PublicSettings
    from housekey.public.world import World

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Account:
    """As it is registered."""

    directory: str
    url: str  # RFC 8555, section 6.2: "kid"
    orders: str | None  # where its orders are listed; Let's Encrypt lists none
    terms: str | None  # the URL of the terms that were agreed to
    email: str | None


@dataclass(frozen=True, slots=True)
class About:
    """What a CA says of itself (RFC 8555, section 7.1.1)."""

    name: str
    terms: str | None  # the URL of its terms of service
    needs_eab: bool  # it registers only whom it knows
    profiles: tuple[str, ...]  # kinds of certificates that it offers by name
    suggests_renewal: bool  # RFC 9773


async def about(settings: PublicSettings, *, world: World, house: Path) -> About:
    """Ask the CA what it says of itself.

    `house`: the folder of the house that remembers when the CA asks to wait; there may be none in
    it yet. Raises as `Ca.at` and `HouseView.open`.
    """
    from housekey.public.ca import Ca  # noqa: PLC0415 - slow

    with honoured_in(house, settings.directory, asked="directory", world=world):
        ca = await Ca.at(settings, world=world)
    meta = ca.client.directory["meta"]
    profiles = meta.profiles if hasattr(meta, "profiles") else None
    return About(
        name=ca.name,
        terms=meta.terms_of_service,
        needs_eab=bool(meta.external_account_required),
        profiles=tuple(profiles) if isinstance(profiles, Mapping) else (),
        suggests_renewal=ca.offers("renewalInfo"),
    )


async def register(
    house: House,
    settings: PublicSettings,
    *,
    agreed_terms: str | None,
    eab_hmac: Secret | None = None,
    world: World,
    hook: Callable[[str], None] = lambda _moment: None,
) -> Account:
    """Register the house with the CA, or find that it is; keep its key and account in the house.

    `eab_hmac` is what the CA gave with `settings.eab_kid`, in base64url. Raises `PublicTrouble` for
    terms that were not agreed to, and as `Ca.ask`.
    """
    from housekey.public.ca import Ca  # noqa: PLC0415 - slow

    now, directory = house.clock(), settings.directory
    must_not_wait(house, directory)
    with kept(house, directory, asked="directory"):
        ca = await Ca.at(settings, world=world, hook=hook)
    terms = ca.client.directory["meta"].terms_of_service
    if terms is not None and terms != agreed_terms:
        raise PublicTrouble(
            f"{ca.name} registers only who agrees to its terms: {terms}",
            hint="read them, and agree with --agree-tos",
        )
    only_known = ca.client.external_account_required() and (
        settings.eab_kid is None or eab_hmac is None
    )
    stranger = PublicTrouble(
        f"{ca.name} registers only whom it knows",
        hint="it gives its customers a key id and a key (HMAC) for new accounts: give them with"
        " --eab-kid and --eab-hmac-file",
    )
    if only_known and not (house.folder / ACCOUNT_KEY).exists():
        raise stranger
    is_new = account_of(house, settings.directory) is None
    key = _key(house, world)
    if is_new and not only_known:
        limits = limits_of(settings.directory)
        made = house.ledger.events(-1, kind=ORDER)
        wait = no_more_accounts(made, limits, directory=settings.directory, now=now)
        if wait is not None:
            raise not_before(wait, directory)
        house.ledger.record_event(
            ORDER,
            at=now,
            by=who(),
            data={"step": ACCOUNT_STEP, "directory": settings.directory, "terms": terms},
        )
    ca.network.key = _jwk(key)
    try:
        with kept(house, directory, asked="account"):
            account = await _registered(
                ca, settings, key, eab_hmac=eab_hmac, terms=terms, only_known=only_known
            )
    except CaRefused as refused:
        if not only_known or refused.code != "accountDoesNotExist":
            raise
        raise stranger from refused
    keep_account(house, account)
    hook("account kept")
    return account


def keep_account(house: House, account: Account) -> None:
    """Keep it as the house's. Raises `FileTrouble`."""
    document = json.dumps({"version": _VERSION, **asdict(account)}, indent=2, sort_keys=True) + "\n"
    house.files.write(house.folder / ACCOUNT, document.encode(), mode=0o600)


def account_of(house: House, directory: str) -> Account | None:
    """Return the house's account with the CA of `directory`; None: there is none.

    Raises `HouseBroken`.
    """
    return account_in(house.folder, directory, files=house.files)


def account_in(house: Path, directory: str, *, files: Files) -> Account | None:
    """As `account_of`, without opening the house in that folder."""
    path = house / ACCOUNT
    try:
        text = files.read(path)
    except FileTrouble as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise
    try:
        kept = json.loads(text)
        refuse_newer(path, kept["version"], known=_VERSION)
        account = Account(
            directory=str(kept["directory"]),
            url=str(kept["url"]),
            orders=kept["orders"],
            terms=kept["terms"],
            email=kept["email"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise HouseBroken(
            f"{path} is damaged", hint="delete it; housekey secure --public finds the account again"
        ) from error
    return account if account.directory == directory else None


def forget_account(house: House) -> None:
    """Let the house have no account, for the CA knows it no more; its key stays.

    Raises `FileTrouble`.
    """
    house.files.remove(house.folder / ACCOUNT)


def account_key(house: House) -> PrivateKey:
    """Read the account's key. Raises `HouseBroken`, `HouseUnsafe` and `FileTrouble`."""
    from housekey.errors import PemUnreadable  # noqa: PLC0415 - for this
    from housekey.pki.keys import PrivateKey  # noqa: PLC0415

    path = house.folder / ACCOUNT_KEY
    try:
        return PrivateKey.from_pem(read_key(path, files=house.files))
    except PemUnreadable as error:
        raise HouseBroken(
            f"{path}: {error.message}",
            hint="restore a backup; or delete it, and housekey secure --public registers anew",
        ) from error


async def _registered(
    ca: Ca,
    settings: PublicSettings,
    key: PrivateKey,
    *,
    eab_hmac: Secret | None,
    terms: str | None,
    only_known: bool,
) -> Account:
    """Register; with `only_known` find the account that the house had there before.

    The house keeps one account at a time, and what a CA gives for new ones is good for one alone.
    """
    from acme import errors as acme_errors  # noqa: PLC0415 - slow
    from acme import messages  # noqa: PLC0415

    binding: dict[str, Any] | None = None
    if settings.eab_kid is not None and eab_hmac is not None:
        try:
            binding = messages.ExternalAccountBinding.from_data(
                account_public_key=_jwk(key).public_key(),
                kid=settings.eab_kid,
                hmac_key=eab_hmac.reveal().decode().strip(),
                directory=ca.client.directory,
            )
        except ValueError as error:
            raise PublicTrouble(
                "the key (HMAC) for the account is not in base64url",
                hint="copy it again, without blanks, as the CA shows it",
            ) from error
    wanted = messages.NewRegistration.from_data(
        email=settings.email,
        terms_of_service_agreed=True if terms is not None else None,
        external_account_binding=binding,
    )
    if only_known:
        wanted = messages.NewRegistration(only_return_existing=True)

    def new_account() -> str:
        try:
            return str(ca.client.new_account(wanted).uri)
        except acme_errors.ConflictError as known:  # this key is registered already
            return str(known.location)

    try:
        url = await ca.again("account", new_account)
    except CaRefused as refused:
        if refused.code == "unauthorized" and binding is not None:
            raise CaRefused(
                refused.message,
                hint="compare the key id and the key with what the CA shows",
                code=refused.code,
                status=refused.status,
            ) from refused
        raise
    ca.network.account = messages.RegistrationResource(body=messages.Registration(), uri=url)
    document = await ca.again("account's orders", lambda: ca.post(url).json())
    orders = document.get("orders") if isinstance(document, dict) else None
    return Account(
        directory=settings.directory,
        url=url,
        orders=orders if isinstance(orders, str) else None,
        terms=terms,
        email=settings.email,
    )


def _key(house: House, world: World) -> PrivateKey:
    from housekey.pki.keys import KeyType, PrivateKey  # noqa: PLC0415 - who only looks needs none

    path = house.folder / ACCOUNT_KEY
    if path.exists():
        return account_key(house)
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    world.files.make_folder(house.folder / PUBLIC, 0o700)
    world.files.write(path, key.to_pem(), mode=0o600)
    return key


def _jwk(key: PrivateKey) -> Any:
    from housekey.public.network import jwk_of  # noqa: PLC0415 - slow

    return jwk_of(key)[0]
