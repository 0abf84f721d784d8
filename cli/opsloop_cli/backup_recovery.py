"""One restore into a real database: planned, done, and compared with what the dump's snapshot held."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsloop.backup.model import Finding, Verdict
from opsloop.backup.restore_plan import Obstacle, Target, missing_roles, obstacles
from opsloop.backup.shelf import trust
from opsloop.clock import format_time
from opsloop.dataclass import dataclass
from opsloop_cli import backup_engine
from opsloop_cli.backup_choice import Chosen
from opsloop_cli.backup_failure import told_plainly
from opsloop_cli.failure import CommandError, ExitCode

if TYPE_CHECKING:
    from opsloop.adapters.postgres_recover import Restored
    from opsloop_cli.backup_progress import Bars

OWNERSHIP = ("owners", "grants", "grants_maintain")  # kinds of the schema that --no-owner leaves out
HARMLESS_SHOWN = 3


@dataclass(frozen=True)
class Options:
    """What the person allowed, and how many connections restore at once."""

    into_non_empty: bool = False
    create_roles: bool = False
    no_owner: bool = False
    jobs: int = 4

    @property
    def allowed(self) -> frozenset[str]:
        """Return the kinds of obstacles that are none any more."""
        kinds = {"not_empty"} if self.into_non_empty else set()
        if self.create_roles or self.no_owner:
            kinds.add("missing_role")
        return frozenset(kinds | ({"not_owner"} if self.no_owner else set()))


class Recovery:
    """Restores ``chosen`` to ``dsn``. Made, it has looked at the target and changed nothing."""

    def __init__(self, chosen: Chosen, dsn: str, options: Options) -> None:
        self.chosen, self.options, self._dsn = chosen, options, dsn
        self.needs = backup_engine.needs(chosen.manifest, chosen.path)
        with told_plainly():
            self.target: Target = backup_engine.read_target(dsn)
        found = obstacles(self.target, self.needs)
        self.obstacles: tuple[Obstacle, ...] = tuple(one for one in found if one.kind not in options.allowed)
        self._is_salvage = trust(chosen.dump) is Verdict.FAILED  # then half of it is what there is to be had
        self._phases: dict[str, float] = {}
        self._is_made = False

    def document(self) -> dict[str, Any]:
        """Return the plan as JSON: the dump, what is lost, how long, where to, and what stands in the way."""
        from opsloop.backup.document import dump_json

        plan, target = self.chosen.plan, self.target
        return {
            "dump": dump_json(plan.dump),
            "at": format_time(plan.at),
            "lost_s": plan.lost_s,
            "passed_over": [dump_json(one) for one in plan.passed_over],
            "expected_s": plan.expected_s,
            "slowest_s": plan.slowest_s,
            "measured_restores": plan.measured,
            "target": {
                "where": target.where,
                "database": target.database,
                "existed": target.exists,
                "server_version": target.server_version,
            },
            "obstacles": [{"kind": one.kind, "detail": one.detail, "remedy": one.remedy} for one in self.obstacles],
        }

    def run(self, path: Path, bars: "Bars") -> dict[str, Any]:
        """Restore the dump at ``path``, compare, and return what came of it as JSON.

        Where it breaks off, Ctrl-C included, a database that was made for it is removed; one that was there, or that
        was made of a dump known to be bad, stays as far as it got.
        """
        with told_plainly():
            self._check_bytes(path, bars)
            try:
                with self._step("create", bars):
                    remarks = self._prepare()
                restored, findings, compared = self._restore(path, bars)
            except BaseException:  # Ctrl-C too: no half database is left; raised again
                if self._is_made:
                    self._give_up()
                raise
        remarks += [f"harmless: {text}" for text in dict.fromkeys(restored.harmless[:HARMLESS_SHOWN])]
        if not restored.is_complete:
            remarks.append(self._give_up())
        return {
            "outcome": self._outcome(restored, findings),
            **self.document(),
            "phases": self._phases,
            "seconds": sum(self._phases.values()),
            "compared": compared,
            "findings": [_finding(one) for one in findings],
            "messages": list(restored.errors),
            "remarks": remarks,
        }

    def _restore(self, path: Path, bars: "Bars") -> tuple["Restored", tuple[Finding, ...], dict[str, int]]:
        options = self.options
        with self._step("restore", bars):
            jobs = 1 if self._is_salvage else options.jobs  # several stop all at the first damage
            restored = backup_engine.restore(path, self._dsn, jobs=jobs, no_owner=options.no_owner, bars=bars)
        if not restored.is_complete:
            return restored, (), {}
        with self._step("analyze", bars):
            backup_engine.analyze(self._dsn)
        if self.chosen.manifest is None:
            return restored, (), {}
        with self._step("compare", bars):
            ignored = OWNERSHIP if options.no_owner else ()
            findings, compared = backup_engine.compare(self._dsn, self.chosen.manifest, ignored)
        return restored, findings, compared

    def _outcome(self, restored: "Restored", findings: tuple[Finding, ...]) -> str:
        if not restored.is_complete:
            return "failed"
        if findings:
            return "differs"
        if restored.errors:
            return "incomplete"
        return "equal" if self.chosen.manifest else "restored"

    def _check_bytes(self, path: Path, bars: "Bars") -> None:
        """Stop unless the file is, byte for byte, the one that was proven; what is known to be bad need not be."""
        expected = self.chosen.dump.sha256
        if not expected or self._is_salvage:
            return
        with self._step("read", bars):
            found = backup_engine.sha256(path, bars)
        if found != expected:
            raise CommandError(
                f"{self.chosen.name} is not the file that was taken and proven: its sha256 is {found}, "
                f"not {expected}; nothing was done",
                ExitCode.NO,
            )

    def _prepare(self) -> list[str]:
        """Make the database and the roles that are missing; return what there is to remark."""
        remarks = []
        if self.options.create_roles and (roles := missing_roles(self.target, self.needs)):
            backup_engine.create_roles(self._dsn, roles)
            remarks.append(f"created without password or login: {', '.join(roles)}")
        if not self.target.exists and (remark := self._create()):
            remarks.append(remark)
        return remarks

    def _create(self) -> str:
        """Make the database; return a remark, or ""."""
        try:
            remark = backup_engine.create_database(self._dsn, self.chosen.manifest)
        except KeyboardInterrupt:
            found = backup_engine.read_target(self._dsn)  # the server may have come to its end with it
            self._is_made = found.exists and not found.objects
            raise
        self._is_made = True
        return remark

    def _give_up(self) -> str:
        """Remove the database if it was made for this; return what became of it."""
        if self.target.exists or self._is_salvage:
            return f"{self.target.where} holds what was restored so far"
        backup_engine.drop_database(self._dsn)
        return f"{self.target.where} was removed again"

    @contextmanager
    def _step(self, name: str, bars: "Bars") -> Iterator[None]:
        begun = time.monotonic()
        bars.told(name, 0.0)
        try:
            yield
        finally:
            self._phases[name] = time.monotonic() - begun


def _finding(one: Finding) -> dict[str, str]:
    return {"reason": one.reason.value, "where": one.where, "expected": one.expected, "found": one.found}
