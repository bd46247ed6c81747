"""`housekey pem`: the chores that people look up OpenSSL lines for."""

from __future__ import annotations

import click

from housekey.cli.lazy import LazyGroup

_COMMANDS = {
    "show": ("housekey.cli.pem.show", "What is in a file: certificates, requests, keys."),
    "match": ("housekey.cli.pem.match", "Do key, certificate and request belong together?"),
    "verify": ("housekey.cli.pem.verify", "Does a chain hold, up to a root?"),
    "convert": ("housekey.cli.pem.convert", "PEM, DER, PKCS#7 and PKCS#12, both ways."),
    "csr": ("housekey.cli.pem.csr", "Make a certificate request (CSR)."),
    "sign": ("housekey.cli.pem.sign", "Sign a request with the house, or with its own key."),
    "key": ("housekey.cli.pem.key", "Lock or unlock a private key; show its public half."),
}

_EXAMPLES = """\b
Examples:
  housekey pem show certificate.pem
  housekey pem match certificate.pem privkey.pem
  housekey pem csr nas.lan --key-out nas.key --out nas.csr
  housekey pem sign nas.csr --out nas.pem
  housekey pem convert nas.pem nas.key --to pkcs12 --out nas.p12
  housekey pem key nas.key --lock --out nas.locked.key

A passphrase is asked for on a terminal, or read from a file; it is never an
option's value, which others on this computer could see. A file named - is
standard input. docs/openssl.md has the OpenSSL line beside each.
"""


@click.group(
    "pem",
    cls=LazyGroup,
    commands_in=_COMMANDS,
    invoke_without_command=True,
    epilog=_EXAMPLES,
)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Look at, sort and convert certificates, requests and keys of anybody."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
