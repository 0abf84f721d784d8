/** What other tools report of this database's backups, and what must be true of every restored copy. */

import type { JSX } from "preact";

import { Panel } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { conditionOf } from "../../lib/backup.ts";
import type { DatabaseWhole } from "../../lib/backup.ts";
import type { Time } from "../../lib/clock.ts";
import { bytesText, countText } from "../../lib/format.ts";
import { timeText } from "../../lib/time.ts";

const WORDS = { met: "reported", missed: "missed", unknown: "UNKNOWN" };

/** The panel. */
export function Sources({ one, time }: { one: DatabaseWhole; time: Time }): JSX.Element {
  return (
    <Panel title="Besides dumps">
      <h3>Other sources</h3>
      {one.sources.length === 0 && <p class="quiet">The catalog names none. With the write-ahead log archived (pgBackRest, Barman, WAL-G, RDS) far less would be lost.</p>}
      <ul class="backup-sources">
        {one.sources.map((source) => (
          <li key={`${source.kind} ${source.name}`}>
            <StateBadge condition={source.standing === "met" ? "degraded" : conditionOf(source.standing)} text={WORDS[source.standing]} />
            <div>
              <b>{source.kind}</b> <span class="quiet">{source.name}</span>
              <p>{source.sentence}</p>
              <p class="quiet small">
                {countText(source.backups)} backups, {bytesText(source.bytes)}
                {source.archive_until && `, log archived to ${timeText(Date.parse(source.archive_until), time.zone)}`}
              </p>
            </div>
          </li>
        ))}
      </ul>
      <h3>True of every restored copy</h3>
      {one.assertions.length === 0 ? (
        <p class="quiet">The catalog has no assertion of its own for this database.</p>
      ) : (
        <ul class="backup-advice">{one.assertions.map((text) => <li key={text}>{text}</li>)}</ul>
      )}
    </Panel>
  );
}
