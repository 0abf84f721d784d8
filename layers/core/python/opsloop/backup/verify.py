"""Whether a dump is a backup: read, restored for real, and compared with the manifest of its snapshot.

What cannot be a finding about the dump (no server, no room, no time left) makes the verdict ``unknown``, never
``failed`` and never good.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

from opsloop.backup import findings as judge
from opsloop.backup.archive import DamagedError
from opsloop.backup.compare import compare
from opsloop.backup.model import Finding, Manifest, Phase, Reason, Verdict, Verification
from opsloop.backup.needs import Needs, is_language, is_superusers, not_compared, of_archive
from opsloop.backup.order import OURS, in_order
from opsloop.backup.plain import PlainFacts, of_plain
from opsloop.backup.ports import Copy, Engine, FileFacts, Files, NotTriedError, Outcome, Unpacked
from opsloop.backup.sentence import sentence
from opsloop.backup.wanted import Progress, Wanted
from opsloop.dataclass import replace

MAX_MESSAGES, MAX_MESSAGE = 50, 500
MAX_FINDINGS = 200
# roles are the server's, not the dump's
NEVER_RESTORED = ("owners", "grants", "grants_maintain")


class Verifier:
    """Verifies one dump after the other. ``clock`` gives seconds that only ever grow."""

    def __init__(self, files: Files, engine: Engine, clock: Callable[[], float]) -> None:
        self._files, self._engine, self._clock = files, engine, clock

    def verify(
        self, path: Path, manifest: Manifest | None, wanted: Wanted, progress: Progress | None = None
    ) -> Verification:
        """Return what became of one real attempt at restoring the dump in ``path``.

        With a ``manifest`` the copy is compared with it, and may be ``proven``; without one it is ``restorable`` at
        best. Only what nobody foresaw is raised.
        """
        attempt = _Attempt(self._files, self._engine, self._clock, wanted, manifest, progress)
        try:
            attempt.run(path)
        except NotTriedError as error:
            attempt.findings.append(Finding(error.reason, "this machine", "a restore", error.message))
        return attempt.verification()


class _Attempt:
    """One verification while it runs."""

    def __init__(
        self,
        files: Files,
        engine: Engine,
        clock: Callable[[], float],
        wanted: Wanted,
        manifest: Manifest | None,
        progress: Progress | None,
    ) -> None:
        self.files, self.engine, self.clock = files, engine, clock
        self.wanted, self.manifest = wanted, manifest
        self.progress = progress or (lambda *_: None)
        self.started = clock()
        self.phases: list[Phase] = []
        self.findings: list[Finding] = []
        self.counts: dict[str, int] = {}
        self.messages: list[str] = []
        self.file: FileFacts | None = None
        self.dump: Unpacked | None = None
        self.restored_bytes = 0
        self.tables = 0
        self.left_out = 0
        self.is_opened = False
        self.began_s = 0.0

    @contextmanager
    def phase(self, name: str, before_s: float = 0.0) -> Iterator[Callable[[float, float], None]]:
        """Time a phase, ``before_s`` of which are over, and tell of it."""
        if self.clock() - self.started > self.wanted.limits.seconds:
            raise NotTriedError(Reason.TOO_LARGE, f"{self.wanted.limits.seconds:,.0f} s were over before {name}")
        started = self.clock()
        self.progress(name, 0.0, 0.0)
        try:
            yield lambda done, total: self.progress(name, done, total)
        finally:
            self.phases.append(Phase(name, before_s + self.clock() - started))

    def add(self, outcome: Outcome) -> None:
        """Take in what a step found."""
        self.findings += outcome.findings
        self.messages += outcome.messages
        for name, number in outcome.counts.items():
            self.counts[name] = self.counts.get(name, 0) + number

    def run(self, path: Path) -> None:
        """Go from the file to the findings, while a server comes up for it."""
        limits = self.wanted.limits
        with ExitStack() as held:
            held.enter_context(self.engine.begun(limits.within(limits.seconds)))
            self.began_s = self.clock() - self.started
            self._go(path)

    def _go(self, path: Path) -> None:
        """Return early where going on would tell nothing."""
        with self.phase("read") as told:
            self.file = file = self.files.read(path, told)
        self.findings += judge.of_file(file, self.manifest)
        self.findings += judge.of_manifest(self.manifest, self.wanted)
        if self._has(Reason.EMPTY, Reason.NOT_A_DUMP):
            return
        with ExitStack() as held:
            try:
                with self.phase("inspect") as told:
                    unpacked = self.files.unpacked(path, file.head, self.wanted.limits, told)
                    self.dump = dump = held.enter_context(unpacked)
            except DamagedError as error:
                self._damaged(error)
                return
            self._judge(dump, file)
            if not self.findings:
                needs = of_archive(dump.contents) if dump.contents else of_plain(dump.plain or PlainFacts())
                roles = needs.roles.union(self.manifest.roles if self.manifest else ())
                self._restore(dump, replace(needs, roles=roles))

    def _judge(self, dump: Unpacked, file: FileFacts) -> None:
        """Add what the unpacked dump tells; of a changed file only whose it is, the rest can be the change."""
        found = list(judge.of_dump(dump, self.wanted, self.manifest))
        if self._has(Reason.TRUNCATED, Reason.CHECKSUM_MISMATCH):
            found = [one for one in found if one.reason is Reason.WRONG_DATABASE]
        self.findings += found
        if not self.findings and (why := judge.too_large(dump, file, self.manifest, self.wanted)):
            raise NotTriedError(Reason.TOO_LARGE, why)

    def _damaged(self, error: DamagedError) -> None:
        """Add that a file cannot be unpacked; where it is known to be changed, that is the cause."""
        reason = error.reason
        if self._has(Reason.TRUNCATED):
            return
        if self._has(Reason.CHECKSUM_MISMATCH):
            reason = Reason.CORRUPT
        self.findings.append(Finding(reason, "file", "a whole dump", error.message))

    def _restore(self, dump: Unpacked, needs: Needs) -> None:
        database = judge.chosen_database(dump, self.wanted)
        left_s = self.wanted.limits.seconds - (self.clock() - self.started)
        with ExitStack() as held:
            with self.phase("start", self.began_s):
                opened = self.engine.opened(dump, needs, database, self.wanted.limits.within(left_s))
                self.is_opened = True
                copy = held.enter_context(opened)
            self.messages += [*copy.notes, *needs.notes()]
            self.left_out = len(needs.notes())
            for name in copy.missing_extensions:
                found = f"not in PostgreSQL {self.engine.version} as it verifies here"
                self.findings.append(Finding(Reason.MISSING_EXTENSION, name, "an extension that can be made", found))
            if self.findings:
                return
            with self.phase("restore") as told:
                self.add(_without_superusers(copy.restore(told), needs))
            self.restored_bytes = copy.restored_bytes()
            if self.findings:
                if judge.is_from_newer(dump, self.engine.version):
                    source = judge.server_version(dump)
                    self.findings.append(
                        Finding(Reason.VERSION_TOO_NEW, "server", f"{self.engine.version} or older", source)
                    )
                return
            self._look(copy, needs)

    def _look(self, copy: Copy, needs: Needs) -> None:
        """Compare the copy with the manifest, look for damage, and ask the team's assertions."""
        with self.phase("compare"):
            copy.begin_check()
            self.tables = copy.tables()
            if self.manifest is not None:
                ignored = {*NEVER_RESTORED, *not_compared(needs.left_out)}
                found, counts = compare(self.manifest, copy.facts(self.manifest), ignore=ignored)
                self.add(Outcome(tuple(one for one in found if not _is_left_out(one)), counts))
            elif not self.tables:
                self.findings.append(Finding(Reason.EMPTY, "copy", "tables", "none"))
        with self.phase("check") as told:
            self.add(copy.check(told))
        with self.phase("assert") as told:
            for number, assertion in enumerate(self.wanted.assertions):
                told(number, len(self.wanted.assertions))
                if wrong := copy.ask(assertion):
                    self.findings.append(Finding(Reason.ASSERTION_FAILED, assertion.name, "true", wrong))
                else:
                    self.add(Outcome(counts={"assertions": 1}))

    def _has(self, *reasons: Reason) -> bool:
        return any(one.reason in reasons for one in self.findings)

    def verification(self) -> Verification:
        """Return what was found."""
        found = in_order(self.findings)[:MAX_FINDINGS]
        if any(one.reason not in OURS for one in found):
            verdict = Verdict.FAILED
        elif found:
            verdict = Verdict.UNKNOWN
        else:
            verdict = Verdict.PROVEN if self.manifest is not None else Verdict.RESTORABLE
        taken_at = self.manifest.taken_at if self.manifest else None
        if taken_at is None and self.dump is not None and self.dump.contents is not None:
            taken_at = self.dump.contents.header.created_at
        return Verification(
            verification_id=self.wanted.verification_id,
            dump_id=self.wanted.dump_id,
            database=self.wanted.database,
            cause=self.wanted.cause,
            verdict=verdict,
            reason=found[0].reason if found else None,
            detail=sentence(verdict, found, self.counts, self.tables, self.left_out),
            started_at=self.wanted.now,
            ended_at=self.wanted.now + timedelta(seconds=self.clock() - self.started),
            taken_at=taken_at,
            phases=tuple(self.phases),
            findings=found,
            compared={name: number for name, number in self.counts.items() if number},
            messages=tuple(one[:MAX_MESSAGE] for one in self.messages[:MAX_MESSAGES]),
            dump_bytes=self.file.size_bytes if self.file else 0,
            sha256=self.file.sha256 if self.file else "",
            restored_bytes=self.restored_bytes,
            peak_memory_bytes=self.engine.peak_memory_bytes() if self.is_opened else 0,
            engine_version=self.engine.version,
            dump_version=judge.server_version(self.dump) if self.dump else "",
            where=self.wanted.where,
        )


def _without_superusers(outcome: Outcome, needs: Needs) -> Outcome:
    """Return what a restore said, as a finding of nobody's fault where it first failed for lack of a superuser."""
    first = next((one for one in outcome.findings if one.reason is Reason.RESTORE_ERROR), None)
    if first is None or not is_superusers(first.found, needs.left_out):
        return outcome
    found = f"{first.found} (only a superuser may restore that, and none restores here)"
    lacks = (replace(first, reason=Reason.UNSUPPORTED, found=found),)
    return replace(outcome, findings=lacks + tuple(one for one in outcome.findings if one.reason in OURS))


def _is_left_out(one: Finding) -> bool:
    """Return whether a finding is of a language that was left out, which the messages say."""
    return one.reason is Reason.MISSING_EXTENSION and is_language(one.where)
