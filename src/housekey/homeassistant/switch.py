"""The switch: the steps of a plan, done one by one, proven from outside, then kept.

Each step is in the journal before it is made. Nothing here decides what is to
be done (plan.py) or how it is undone (put_back.py); a step that fails raises,
and the caller puts everything back.

The point of no return is the promotion (or, on the YAML road, the proof): up to
there every failure, Ctrl-C included, ends with the state from before; from
there on what is left is the internal URL, and a failure of that is a warning.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from housekey.errors import (
    HomeAssistantTrouble,
    HousekeyError,
    SignInRefused,
    SwitchFailed,
    Unreachable,
)
from housekey.homeassistant import yaml_tree
from housekey.homeassistant.client import sendable
from housekey.homeassistant.examine import is_emergency
from housekey.homeassistant.plan import Pair, Plan, https_url
from housekey.homeassistant.recorded import (
    EXTERNAL_URL,
    HTTP_CONFIG,
    HTTP_YAML,
    INTERNAL_URL,
    LABEL,
    PROMOTING,
    PROVEN,
    RESTART,
)
from housekey.homeassistant.site import Door
from housekey.house.journal import SettingChange, State
from housekey.house.road import ROAD
from housekey.live.handshake import prove
from housekey.live.presented import presented_by
from housekey.live.tls import roots_in
from housekey.pki.encoding import chain_to_pem, fingerprint
from housekey.pki.span import span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from housekey.homeassistant.authority import Authority
    from housekey.homeassistant.client import HttpConfig
    from housekey.homeassistant.paths import PathMap
    from housekey.homeassistant.plan import Plan
    from housekey.homeassistant.site import Site, World
    from housekey.house.house import House, Leaf
    from housekey.house.journal import Transaction
    from housekey.live.handshake import Proof
    from housekey.pki.names import Name
    from housekey.pki.subject import Subject


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the switch came to."""

    leaf: Leaf
    pair_path: str  # the certificate's path on this machine
    proofs: Mapping[Name, Proof]
    signed_in: bool | None  # None: there was no token to sign in with
    kept: bool  # False: a restart is still owed
    url: str
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class Switch:
    """One run of a plan."""

    site: Site
    house: House
    authority: Authority
    world: World
    transaction: Transaction
    http: HttpConfig | None  # as it was before, on the trial road
    answered: frozenset[Name]  # the names under which Home Assistant answered before
    subject: Subject | None = None  # who the leaf says it is for; its CN comes from the names
    restart_command: str | None = None
    live: bool = False  # the integration gives the running server the pair: no restart
    _warnings: list[str] = field(default_factory=list)

    async def carry_out(self, plan: Plan, names: Sequence[Name]) -> Outcome:
        """Do the steps of `plan`. Raises, with nothing put back yet, when one fails."""
        if plan.remove_stale_yaml:
            await self._remove_stale_yaml()
        self._take_road()
        leaf = self._issue(plan, names)
        _must_load(leaf)
        if plan.write:
            self._write_pair(plan, leaf)
        if plan.edit_yaml:
            await self._edit_yaml(plan)
        if plan.configure:
            await self._configure(plan, leaf)
        elif plan.restart and not await self._restart(plan, leaf):
            return self._outcome(plan, leaf, proofs={}, signed_in=None, kept=False)
        proofs = await self._prove(plan, leaf)
        signed_in = await self._sign_in(plan)
        self.world.tell("proven", told_proofs(proofs, signed_in=signed_in))
        if plan.promote:
            await self._promote(plan)
        self.transaction.mark(PROVEN)
        # From here on it is kept, whatever fails: that is told, and the next command does it.
        urls_set = await self._set_urls(plan)
        try:
            self.transaction.close(State.KEPT)
        except HousekeyError as error:
            self._warnings.append(
                f"HTTPS is kept, but the house has no note of it: {error.message}"
            )
        done = ["promoted" if plan.promote else "it is permanent", *urls_set]
        self.world.tell("kept", "; ".join(done))
        return self._outcome(plan, leaf, proofs=proofs, signed_in=signed_in, kept=True)

    # The steps, in their order.

    async def _remove_stale_yaml(self) -> None:
        """Take a left-over `http:` block out before any file that it names can go.

        Home Assistant ignores it and still checks it at every start: a file that is
        missing from it means recovery mode (measured, 2026.11).
        """
        for edit in yaml_tree.plan_http_removal(self.site.folder, self.world.files.read):
            change = self.transaction.writing(edit.path, edit.after)
            with self.transaction.step("stale yaml", change):
                self.world.files.write(edit.path, edit.after)
            self.world.tell("cleaned", f"the http: block that is ignored, out of {edit.path.name}")
        await self._must_be_valid()

    def _take_road(self) -> None:
        """Keep by which road the certificate comes: a renewal must go the same."""
        path, road, files = self.house.folder / ROAD, self.authority.road, self.world.files
        found = files.snapshot(path)
        if road is None:
            if found is not None:
                with self.transaction.step("road", self.transaction.removing(path)):
                    files.remove(path)
            return
        data = road.to_json()
        if found is None or found.data != data:
            with self.transaction.step("road", self.transaction.writing(path, data)):
                files.write(path, data, mode=0o600)

    def _issue(self, plan: Plan, names: Sequence[Name]) -> Leaf:
        if plan.issue is None:
            leaf = self.house.leaf(LABEL)
            assert leaf is not None  # noqa: S101 - plan() asks for a new one otherwise
            return leaf
        leaf = self.authority.issue(plan, names, self.subject)
        lifetime = leaf.certificate.not_valid_after_utc - self.world.clock()
        self.world.tell(
            "issued",
            f"{plan.pair.certificate.name}, {plan.pair.key.name}"
            f"  ({span(lifetime, up=True)}, {leaf.key_type.label})",
        )
        return leaf

    def _write_pair(self, plan: Plan, leaf: Leaf) -> None:
        files, owner = self.world.files, self.site.owner
        wanted = (
            # The key first: a certificate in place of the old one must find its key there.
            ("key", plan.pair.key, leaf.key_pem.reveal(), 0o600),
            ("certificate", plan.pair.certificate, leaf.chain_pem, 0o644),
        )
        for name, path, data, mode in wanted:
            found = files.snapshot(path)
            if found is not None and (found.data, found.mode, found.owner) == (data, mode, owner):
                continue
            with self.transaction.step(name, self.transaction.writing(path, data)):
                files.write(path, data, mode=mode, owner=owner)

    async def _edit_yaml(self, plan: Plan) -> None:
        files, folder = self.world.files, self.site.folder
        before = yaml_tree.http_settings(folder, files.read)
        wanted = settings_of(plan, self.site.paths)
        if before.get("server_port") is None and plan.port == self.site.door.port:
            del wanted["server_port"]  # it is where it should be without being told
        edit = yaml_tree.plan_http_edit(folder, files.read, wanted)
        changes = (
            SettingChange(HTTP_YAML, {key: before.get(key) for key in wanted}, wanted),
            self.transaction.writing(edit.path, edit.after),
        )
        with self.transaction.step("yaml", *changes):
            files.write(edit.path, edit.after)
        self.world.tell("edited", f"{edit.path.relative_to(folder)}: the http: block, nothing else")
        await self._must_be_valid()

    async def _must_be_valid(self) -> None:
        if self.site.token is None:
            return
        async with self.site.client(self.site.door) as client:
            result = await client.check_config()
        if not result.valid:
            raise SwitchFailed(
                f"Home Assistant refuses the edited configuration: {result.errors}",
                hint="run again with --dry-run to see the edit, and report this as a bug",
            )

    async def _configure(self, plan: Plan, leaf: Leaf) -> None:
        assert self.http is not None  # noqa: S101 - the trial road has one
        before = sendable(self.http.stable)
        config = {**before, **settings_of(plan, self.site.paths)}
        already = await self._presents(plan, leaf)
        async with self.site.client(self.site.door) as client:
            with self.transaction.step("configure", SettingChange(HTTP_CONFIG, before, config)):
                self.transaction.mark(RESTART)
                restarts = await client.configure(config)
        self.world.tell("trial", "Home Assistant restarts with HTTPS, and forgets it unless proven")
        if already and restarts:
            await self._until_gone(plan, leaf)

    async def _load(self) -> None:
        """Let the integration give the running server the pair. Raises SwitchFailed."""
        root_pem = chain_to_pem(roots_in(self.authority.trust))
        async with self.site.client(self.site.door) as client:
            loaded = await client.load_certificate(root_pem=root_pem)
        if loaded.sha256 is None:
            raise SwitchFailed(
                f"the running Home Assistant did not take the certificate: {loaded.reason}",
                hint="housekey renew --now restarts Home Assistant for it",
            )
        self.transaction.mark(RESTART)  # only a restart would bring the old one back
        self.world.tell("loaded", "Home Assistant runs on, and presents the new certificate")

    async def _restart(self, plan: Plan, leaf: Leaf) -> bool:
        """Ask for a restart; False when only the user can give it."""
        if self.live:
            await self._load()
            return True
        if self.restart_command is not None:
            self.transaction.mark(RESTART)
            self.world.busy(f"running {self.restart_command}")
            code = await self.world.run(self.restart_command)
            if code != 0:
                raise SwitchFailed(
                    f"the restart command ended with exit code {code}: {self.restart_command}",
                    hint="try it by hand, then run housekey secure again",
                )
        elif self.site.token is not None:
            already = await self._presents(plan, leaf)
            async with self.site.client(self.site.door) as client:
                self.transaction.mark(RESTART)
                await client.restart()
            if already:
                await self._until_gone(plan, leaf)
        else:
            self.transaction.mark(RESTART)
            return False
        self.world.tell("restart", "Home Assistant restarts with HTTPS")
        return True

    async def _prove(self, plan: Plan, leaf: Leaf) -> Mapping[Name, Proof]:
        await self._until_presented(plan, leaf)
        proofs = await prove(
            leaf.names,
            plan.port,
            root=self.authority.trust,
            leaf=leaf.certificate,
            resolver=self.world.resolve,
        )
        failed = {name: proof for name, proof in proofs.items() if proof.ok is False}
        lost = {name: proof for name, proof in failed.items() if name in self.answered}
        if lost or not any(proof.ok for proof in proofs.values()):
            name, proof = next(iter((lost or failed or proofs).items()))
            raise SwitchFailed(
                f"https://{name} was not proven: {proof.reason}",
                hint=f"--no-name {name} leaves it out, if it is not this Home Assistant's"
                if self.authority.road is None
                else f"{name} has to lead to this Home Assistant, seen from this machine",
            )
        # Names that led nowhere before the switch either do not speak against it.
        self._warnings += [
            f"{name} does not lead to this Home Assistant from here: {proof.reason}"
            for name, proof in failed.items()
        ]
        return proofs

    async def _presents(self, plan: Plan, leaf: Leaf) -> bool:
        found = await presented_by(self.site.door.host, plan.port)
        return found is not None and fingerprint(found) == fingerprint(leaf.certificate)

    async def _until_gone(self, plan: Plan, leaf: Leaf) -> None:
        """Wait until the server that was told to restart has gone.

        It presents the very certificate already, from another file, and must not be taken for
        the one that comes after it: the proof would meet its end.
        """

        async def gone() -> bool:
            return not await self._presents(plan, leaf)

        await self.world.until(gone, seconds=self.world.wait)

    async def _until_presented(self, plan: Plan, leaf: Leaf) -> None:
        """Wait until the server presents `leaf`, or is known never to."""
        wanted = fingerprint(leaf.certificate)
        self.world.busy("waiting for Home Assistant to answer over HTTPS")

        async def presented() -> bool:
            door = Door("https", self.site.door.host, plan.port)
            found = await presented_by(door.host, door.port)
            if found is not None and fingerprint(found) == wanted:
                return True
            if found is not None and is_emergency(found):
                raise self._not_usable(plan, _why_not_loaded(plan.pair))
            await self._must_still_be_tried(plan)
            return False

        there = await self.world.until(presented, seconds=self.world.wait)
        self.world.busy("")
        if not there:
            raise SwitchFailed(
                f"Home Assistant did not answer over HTTPS within {self.world.wait:.0f} seconds",
                hint="look into home-assistant.log; --wait SECONDS gives a slow machine more time",
            )

    async def _must_still_be_tried(self, plan: Plan) -> None:
        """Raise when Home Assistant has already given the new settings up.

        In recovery mode it answers with the settings that worked last (YAML), or with
        the stable ones.
        """
        if self.site.token is None:
            return
        try:
            async with self.site.client(self.site.door) as client:
                recovery_mode = (await client.get_config()).recovery_mode
                http = await client.http_config() if plan.configure else None
        except HomeAssistantTrouble:
            return  # it is restarting
        if http is not None and http.pending_error is not None:
            raise self._not_usable(plan, http.pending_error)
        if recovery_mode:
            raise self._not_usable(plan, _why_not_loaded(plan.pair))

    def _not_usable(self, plan: Plan, reason: str | None) -> SwitchFailed:
        certificate = plan.pair.certificate
        seen = self.site.paths.to_home_assistant(certificate)
        return SwitchFailed(
            f"Home Assistant could not start with {certificate}:"
            f" {reason or 'home-assistant.log tells why'}",
            hint=f"check that it can read {seen} and the key beside it",
        )

    async def _sign_in(self, plan: Plan) -> bool | None:
        """Sign in over HTTPS as a program would; None without a token."""
        if self.site.token is None:
            return None
        trouble: HousekeyError | None = None

        async def signed_in() -> bool:
            nonlocal trouble
            try:
                async with self.site.client(self._https(plan)) as client:
                    await client.get_config()
            except (Unreachable, HomeAssistantTrouble) as error:
                trouble = error  # its first seconds: the API comes after the listener
                if isinstance(error, SignInRefused):
                    raise
                return False
            return True

        if await self.world.until(signed_in, seconds=self.world.wait):
            return True
        assert trouble is not None  # noqa: S101
        raise SwitchFailed(f"signing in over HTTPS failed: {trouble.message}", hint=trouble.hint)

    async def _promote(self, plan: Plan) -> None:
        async with self.site.client(self._https(plan)) as client:
            self.transaction.mark(PROMOTING)
            await client.promote()

    async def _set_urls(self, plan: Plan) -> tuple[str, ...]:
        """Set what Home Assistant calls itself; return what was done, for people."""
        wanted = (
            (INTERNAL_URL, "internal URL", "local network URL", plan.internal_url),
            (EXTERNAL_URL, "external URL", "Internet URL", plan.external_url),
        )
        done = []
        for what, told, shown, url in wanted:
            if url is None:
                continue
            if self.site.token is None:
                self._warnings.append(
                    f"set the {shown} to {url} in Home Assistant: Settings > System > Network"
                )
            elif await self._set_url(plan, what, told, url):
                done.append(f"{told} is now {url}")
        return tuple(done)

    async def _set_url(self, plan: Plan, what: str, told: str, url: str) -> bool:
        try:
            async with self.site.client(self._https(plan)) as client:
                before = getattr(await client.get_config(), what)
                with self.transaction.step(told.lower(), SettingChange(what, before, url)):
                    await client.update_urls(**{what: url})
        except HousekeyError as error:
            self._warnings.append(
                f"HTTPS is kept, but the {told} could not be set: {error.message}"
            )
            return False
        return True

    # What several steps need.

    def _https(self, plan: Plan) -> Door:
        return Door("https", self.site.door.host, plan.port)

    def _outcome(
        self,
        plan: Plan,
        leaf: Leaf,
        *,
        proofs: Mapping[Name, Proof],
        signed_in: bool | None,
        kept: bool,
    ) -> Outcome:
        return Outcome(
            leaf=leaf,
            pair_path=str(plan.pair.certificate),
            proofs=proofs,
            signed_in=signed_in,
            kept=kept,
            url=plan.internal_url or https_url(self.site.door.host, plan.port),
            warnings=tuple(self._warnings),
        )


def told_proofs(proofs: Mapping[Name, Proof], *, signed_in: bool | None) -> str:
    """Say in one line what was proven, and what could not be."""
    tried = [proof for proof in proofs.values() if proof.ok is not None]
    verified = sum(1 for proof in tried if proof.ok)
    parts = [f"handshake verified on {verified} of {len(tried)} names"]
    # Nobody connects to a wildcard.
    tried_in_vain = (str(name) for name, proof in proofs.items() if proof.ok is None)
    if unresolved := [name for name in tried_in_vain if not name.startswith("*.")]:
        parts.append(f"not resolved here: {', '.join(unresolved)}")
    parts.append("signed in over HTTPS" if signed_in else "not signed in: there is no token")
    return "; ".join(parts)


def settings_of(plan: Plan, paths: PathMap) -> dict[str, Any]:
    """Return what Home Assistant's configuration says of a plan.

    Raises as `to_home_assistant` does for a path that Home Assistant cannot see.
    """
    return {
        "ssl_certificate": paths.to_home_assistant(plan.pair.certificate),
        "ssl_key": paths.to_home_assistant(plan.pair.key),
        "server_port": plan.port,
    }


def _must_load(leaf: Leaf) -> None:
    """Load the pair as Home Assistant's server would, before it is asked to."""
    pair = Pair(leaf.folder / "certificate.pem", leaf.folder / "privkey.pem")
    if reason := _why_not_loaded(pair):
        raise SwitchFailed(
            f"the pair in {leaf.folder} does not load: {reason}",
            hint="housekey cert new replaces it",
        )


def _why_not_loaded(pair: Pair) -> str | None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(pair.certificate, pair.key)
    except (OSError, ssl.SSLError) as error:
        return str(error)
    return None
