/** What the audit found, check by check: a sentence, and what would help. */

import type { JSX } from "preact";

import { Panel, Told } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { conditionOf } from "../../lib/backup.ts";
import type { Check, CheckName, Database, Forecast } from "../../lib/backup.ts";
import { agoText } from "../../lib/time.ts";

const TITLES: Record<CheckName, string> = {
  rpo: "Loss (RPO)",
  rto: "Restore (RTO)",
  freshness: "Freshness",
  proof: "Proof",
  size: "Size",
  sources: "Other sources",
};

/** The panel. */
export function Checks({ one, now }: { one: Database; now: number }): JSX.Element {
  const found = (Object.keys(TITLES) as CheckName[]).flatMap((name) => {
    const check = one.checks[name];
    return check ? [{ name, check }] : [];
  });
  const judged = one.judged_at ? `audited ${agoText(Date.parse(one.judged_at), now)}` : "not audited yet";
  return (
    <Panel title="Audit" note={judged} isFlush>
      {found.length === 0 ? (
        <Told title="Not audited yet" tone="unknown">It is audited every 15 minutes. Until then nothing is known, and that is not good.</Told>
      ) : (
        <ul class="backup-checks">
          {found.map(({ name, check }) => <Row key={name} title={TITLES[name]} check={check} />)}
        </ul>
      )}
    </Panel>
  );
}

function Row({ title, check }: { title: string; check: Check }): JSX.Element {
  const forecast = check.figures["forecast"] as Forecast | undefined;
  return (
    <li>
      <StateBadge condition={conditionOf(check.standing)} text={check.standing === "unknown" ? "UNKNOWN" : check.standing} />
      <div class="backup-said">
        <h3>{title}</h3>
        <p>{check.sentence}</p>
        {forecast && <p class="quiet">{forecast.sentence || forecast.why_not}</p>}
        {check.advice.length > 0 && (
          <ul class="backup-advice">
            {check.advice.map((text) => <li key={text}>{text}</li>)}
          </ul>
        )}
      </div>
    </li>
  );
}
