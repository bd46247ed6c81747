"""`housekey pem convert`: from one form into another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from housekey.cli.output import Output, common_options
from housekey.cli.pem.delivered import Delivery, out_option, refuse_the_same
from housekey.cli.pem.given import Given, new_passphrase_option, passphrase_option
from housekey.errors import UsageError
from housekey.house.files import Files
from housekey.pki.any_key import AnyPrivateKey
from housekey.pki.containers import belongs, to_pkcs7, to_pkcs12
from housekey.pki.contents import what_is
from housekey.pki.names import names_of
from housekey.pki.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from housekey.pki.contents import Item


@dataclass(frozen=True, slots=True)
class Wanted:
    items: tuple[Item, ...]
    locked_with: Secret | None
    ask: Callable[[], Secret]  # for what is never without a passphrase
    label: str | None
    old_devices: bool

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        return tuple(each for each in self.items if isinstance(each, x509.Certificate))


@click.command("convert")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--to",
    "form",
    required=True,
    type=click.Choice(["pem", "der", "pkcs7", "pkcs7-der", "pkcs12"]),
    help="The form to make.",
)
@out_option
@click.option("--key-out", metavar="FILE", help="Write the private key there, apart.")
@click.option(
    "--only",
    type=click.Choice(["certificates", "first-certificate", "key"]),
    help="Leave out everything else.",
)
@click.option("--label", metavar="TEXT", help="How a keychain lists it.  [default: the first name]")
@click.option(
    "--old-devices",
    is_flag=True,
    help="PKCS#12 with Triple DES and SHA-1: for Macs and old Androids that call the right"
    " passphrase wrong.",
)
@passphrase_option
@new_passphrase_option(default="not locked; asked for with pkcs12")
@common_options
def command(**options: Any) -> None:
    """Put certificates, requests and keys into another form.

    What they are in now is told apart by itself. A private key leaves unlocked,
    unless --new-passphrase-file locks it; PKCS#12 is always locked.
    """
    output = Output(as_json=options["as_json"])
    files = Files()
    given = Given(output, files, options["passphrase_file"])
    delivery = Delivery(output, files)
    items = _chosen(
        [p.item for name in options["files"] for p in given.whole(name).parts], options["only"]
    )
    form, out, key_out = options["form"], options["out"], options["key_out"]
    refuse_the_same({"--out": out or "-", "--key-out": key_out})
    apart = tuple(each for each in items if isinstance(each, AnyPrivateKey)) if key_out else ()
    rest = tuple(each for each in items if each not in apart)
    if key_out and (not apart or form not in ("pem", "der")):
        raise UsageError(
            "there is no private key to write apart"
            if not apart
            else f"in {form} there is no key to write apart",
            hint="leave --key-out away",
        )
    if not rest and out is not None:
        raise UsageError("there is nothing but the private key", hint="leave --out away")
    secret = any(isinstance(each, AnyPrivateKey) for each in rest)
    if rest:
        delivery.check(out, secret=secret)
    if key_out:
        delivery.check(key_out, option="--key-out", secret=True)

    def ask() -> Secret:
        return given.new_passphrase(options["new_passphrase_file"], what="the PKCS#12 file")

    locked_with = None
    if options["new_passphrase_file"] and form != "pkcs12":
        locked_with = given.first_line(options["new_passphrase_file"])
        if not secret and not apart:
            raise UsageError("there is no private key to lock", hint="leave the passphrase away")
    made = [
        (
            to,
            _MAKERS[form](Wanted(part, locked_with, ask, options["label"], options["old_devices"])),
        )
        for to, part in ((key_out, apart), (out, rest))
        if part
    ]
    for (to, data), part in zip(made, [part for part in (apart, rest) if part], strict=True):
        delivery.put(data, to, what=_said(part))
    output.document({"form": form, **delivery.document})


def _chosen(items: Sequence[Item], only: str | None) -> tuple[Item, ...]:
    if only is None:
        return tuple(items)
    kind = AnyPrivateKey if only == "key" else x509.Certificate
    found = tuple(each for each in items if isinstance(each, kind))
    if not found:
        what = "private key" if only == "key" else "certificate"
        raise UsageError(f"there is no {what} in it", hint="housekey pem show tells what there is")
    return found[:1] if only == "first-certificate" else found


def _said(items: Sequence[Item]) -> str:
    if len(items) == 1:
        return what_is(items[0]).split(" ", 1)[1]
    return (
        f"{len(items)} parts"
        if len({type(i) for i in items}) > 1
        else (f"{len(items)} {what_is(items[0]).split(' ', 1)[1]}s")
    )


# --- one for each form; a Secret wherever there is a private key in it ---


def _pem(wanted: Wanted) -> bytes | Secret:
    return _joined([_encoded(each, wanted, Encoding.PEM) for each in wanted.items])


def _der(wanted: Wanted) -> bytes | Secret:
    if len(wanted.items) > 1:
        raise UsageError(
            f"DER holds one thing, and there are {len(wanted.items)}",
            hint="--only first-certificate, --key-out FILE for the key, or --to pkcs7",
        )
    return _encoded(wanted.items[0], wanted, Encoding.DER)


def _encoded(item: Item, wanted: Wanted, encoding: Encoding) -> bytes | Secret:
    der = encoding is Encoding.DER
    if isinstance(item, AnyPrivateKey):
        if wanted.locked_with is not None:
            return Secret(item.to_locked(wanted.locked_with, der=der))
        return item.to_der() if der else item.to_pem()
    if isinstance(item, x509.Certificate | x509.CertificateSigningRequest):
        return item.public_bytes(encoding)
    return item.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[union-attr]


def _pkcs7(wanted: Wanted) -> bytes:
    _only_certificates(wanted)
    return to_pkcs7(wanted.certificates, pem=True)


def _pkcs7_der(wanted: Wanted) -> bytes:
    _only_certificates(wanted)
    return to_pkcs7(wanted.certificates, pem=False)


def _pkcs12(wanted: Wanted) -> Secret:
    keys = [each for each in wanted.items if isinstance(each, AnyPrivateKey)]
    if len(keys) != 1 or not wanted.certificates:
        raise UsageError(
            "a PKCS#12 file holds one private key and its certificate"
            f", and here {'is no key' if not keys else 'is no certificate'}"
            if len(keys) < 2
            else f"a PKCS#12 file holds one private key, and there are {len(keys)}",
            hint="name the files of both: housekey pem convert certificate.pem privkey.pem …",
        )
    certificates = dict.fromkeys(wanted.certificates)
    label = wanted.label
    if label is None:
        own = next((each for each in certificates if belongs(each, keys[0])), None)
        names = names_of(own) if own is not None else ()
        label = str(names[0]) if names else "certificate"
    return Secret(
        to_pkcs12(
            keys[0],
            tuple(certificates),
            passphrase=wanted.ask(),
            label=label,
            for_old_devices=wanted.old_devices,
        )
    )


def _only_certificates(wanted: Wanted) -> None:
    if len(wanted.certificates) != len(wanted.items):
        other = next(each for each in wanted.items if not isinstance(each, x509.Certificate))
        raise UsageError(
            f"PKCS#7 holds certificates only, and there is {what_is(other)}",
            hint="--only certificates leaves it out",
        )


_MAKERS: dict[str, Callable[[Wanted], bytes | Secret]] = {
    "pem": _pem,
    "der": _der,
    "pkcs7": _pkcs7,
    "pkcs7-der": _pkcs7_der,
    "pkcs12": _pkcs12,
}


def _joined(parts: Sequence[bytes | Secret]) -> bytes | Secret:
    data = b"".join(part.reveal() if isinstance(part, Secret) else part for part in parts)
    return Secret(data) if any(isinstance(part, Secret) for part in parts) else data
