/** One verification: what was done, how long each phase took, what was compared, what was not as it should be. */

import type { JSX } from "preact";

import { Dialog } from "../../components/controls.tsx";
import { Loaded } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { get } from "../../lib/api.ts";
import { conditionOf, lengthText } from "../../lib/backup.ts";
import type { Verification } from "../../lib/backup.ts";
import type { Time } from "../../lib/clock.ts";
import { bytesText, countText } from "../../lib/format.ts";
import { useQuery } from "../../lib/query.ts";
import { timeText } from "../../lib/time.ts";
import { ProofsTold, ProveAgain } from "./again.tsx";
import type { Proofs } from "./again.tsx";

/** The dialog of the verification that the address names. */
export function VerificationDialog({ id, time, proofs, onClose }: { id: string; time: Time; proofs: Proofs; onClose: () => void }): JSX.Element {
  const path = `/v1/backups/verifications/${encodeURIComponent(id)}`;
  const query = useQuery(`verification ${id}`, (signal) => get<Verification>(path, {}, signal), 0);
  return (
    <Dialog title="Verification" onClose={onClose}>
      <Loaded query={query} height={260}>
        {(one) => (
          <div class="stack">
            <p class="backup-verdict">
              <StateBadge condition={conditionOf(one.verdict)} text={one.verdict === "unknown" ? "UNKNOWN" : one.verdict} />
              <span>{one.detail}</span>
            </p>
            <Facts one={one} time={time} />
            <Phases one={one} />
            <Findings one={one} />
            {one.messages.length > 0 && (
              <section>
                <h3>The engine said</h3>
                <pre class="backup-messages" tabIndex={0}>{one.messages.join("\n")}</pre>
              </section>
            )}
            <ProveAgain proofs={proofs} dump={one.dump_id} time={time} />
            <ProofsTold proofs={proofs} dump={one.dump_id} time={time} />
            <p><a href={`${path}/evidence`} download={`${one.verification_id.replace(/[^A-Za-z0-9.-]+/g, "-")}.json`}>Evidence for auditors (JSON)</a></p>
          </div>
        )}
      </Loaded>
    </Dialog>
  );
}

function Facts({ one, time }: { one: Verification; time: Time }): JSX.Element {
  const equal = Object.entries(one.compared).map(([what, count]) => `${countText(count)} ${what.replaceAll("_", " ")}`).join(", ");
  const facts: Array<[string, string]> = [
    ["Dump", one.dump_id],
    ["Taken", one.taken_at ? timeText(Date.parse(one.taken_at), time.zone, "full") : "–"],
    ["Verified", timeText(Date.parse(one.ended_at), time.zone, "full")],
    ["Asked for by", one.cause],
    ["Found equal", equal || "nothing was compared"],
    ["Dump, restored", `${bytesText(one.dump_bytes)}, ${bytesText(one.restored_bytes)}`],
    ["Peak memory", bytesText(one.peak_memory_bytes)],
    ["PostgreSQL", [one.dump_version && `dumped from ${one.dump_version}`, one.engine_version && `restored into ${one.engine_version}`].filter(Boolean).join(", ") || "–"],
    ["Ran in", one.where || "–"],
    ["SHA-256", one.sha256 || "–"],
  ];
  return (
    <dl class="backup-facts">
      {facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
    </dl>
  );
}

function Phases({ one }: { one: Verification }): JSX.Element | null {
  if (one.phases.length === 0) return null;
  const longest = Math.max(...one.phases.map((phase) => phase.seconds), 0.001);
  return (
    <section>
      <h3>Phases</h3>
      <ul class="backup-phases">
        {one.phases.map((phase) => (
          <li key={phase.name}>
            <span>{phase.name}</span>
            <span class="backup-phase" aria-hidden="true"><span style={{ width: `${Math.max(1, (phase.seconds / longest) * 100)}%` }} /></span>
            <span class="number">{lengthText(phase.seconds)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Findings({ one }: { one: Verification }): JSX.Element | null {
  if (one.findings.length === 0) return null;
  return (
    <section>
      <h3>Not as it should be</h3>
      <ul class="backup-findings">
        {one.findings.map((finding, index) => (
          <li key={index}>
            <b>{finding.reason.replaceAll("_", " ")}</b> {finding.where}
            <small>expected {finding.expected || "–"}; found {finding.found || "–"}</small>
          </li>
        ))}
      </ul>
    </section>
  );
}
