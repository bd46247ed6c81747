"""The help of `housekey secure`: its many options, in groups, by what they are about."""

from __future__ import annotations

from typing import Final

import click

_GROUPS: Final = {  # the parameters of each group; what is in none stands under "Options", first
    "A public name (docs/public.md)": (
        "public_names", "dns", "dns_credentials", "point", "staging", "agree_tos",
        "account_email", "acme_directory", "acme_root", "eab_kid", "eab_hmac_file", "profile",
    ),
    "A CA of your own (docs/own-ca.md)": (
        "csr", "new_key", "install", "root_file", "force", "passphrase_file",
    ),
    "The certificate": ("add", "remove", "key_type", "days", "private"),
    "Home Assistant": (
        "config", "url", "token_file", "remember", "port", "cert_path", "key_path",
        "fix_permissions", "restart_command", "wait",
    ),
    "The root of a new house": (
        "permit", "critical_constraints", "country", "state", "locality", "organization",
        "organizational_unit", "common_name", "email",
    ),
}  # fmt: skip


class InGroups(click.Command):
    """A command whose options stand in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, the common ones first."""
        group_of = {name: title for title, names in _GROUPS.items() for name in names}
        rows: dict[str, list[tuple[str, str]]] = {"Options": [], **{each: [] for each in _GROUPS}}
        for parameter in self.get_params(ctx):
            row = parameter.get_help_record(ctx)
            if row is not None and row[1]:  # the files of --install are told there
                rows[group_of.get(parameter.name or "", "Options")].append(row)
        for title, records in rows.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
