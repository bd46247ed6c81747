"""`housekey pem key`: a private key's passphrase, and its public half."""

from __future__ import annotations

from typing import Any

import click
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from housekey.cli.output import Output, common_options
from housekey.cli.pem.delivered import Delivery, out_option
from housekey.cli.pem.given import Given, new_passphrase_option, passphrase_option
from housekey.errors import UsageError
from housekey.house.files import Files
from housekey.pki.contents import Contents
from housekey.pki.secret import Secret


@click.command("key")
@click.argument("file", metavar="FILE")
@click.option("--lock", is_flag=True, help="Lock it with a passphrase, or with another one.")
@click.option("--unlock", is_flag=True, help="Take its passphrase away.")
@click.option("--public", is_flag=True, help="Print the half that anybody may see.")
@out_option
@passphrase_option
@new_passphrase_option(default="asked for")
@common_options
def command(**options: Any) -> None:
    """Lock or unlock a private key, or print its public half.

    It is written as PKCS#8 (BEGIN PRIVATE KEY, BEGIN ENCRYPTED PRIVATE KEY), which
    everything of the last twenty years reads. --out may be the same file: what was
    in it is then kept beside it.
    """
    output = Output(as_json=options["as_json"])
    files = Files()
    given = Given(output, files, options["passphrase_file"])
    delivery = Delivery(output, files)
    chosen = [each for each in ("lock", "unlock", "public") if options[each]]
    if len(chosen) != 1:
        raise UsageError("say what to do with the key", hint="one of --lock, --unlock and --public")
    if options["new_passphrase_file"] and not options["lock"]:
        raise UsageError("a new passphrase is only for --lock", hint="leave it away")
    delivery.check(options["out"], secret=not options["public"])
    key = given.pick(options["file"], Contents.the_key)
    if options["public"]:
        public = key.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        delivery.put(public, options["out"], what="public key")
    elif options["unlock"]:
        delivery.put(key.to_pem(), options["out"], what="private key, without a passphrase")
    else:
        passphrase = given.new_passphrase(options["new_passphrase_file"], what="the key")
        locked = Secret(key.to_locked(passphrase))
        delivery.put(locked, options["out"], what="private key, locked")
        if any(each["kept"] for each in delivery.document.get("written", ())):
            output.row("heads up", "what was saved may not be locked: remove it when all is well")
    output.document({"key": key.label, "locked": options["lock"], **delivery.document})
