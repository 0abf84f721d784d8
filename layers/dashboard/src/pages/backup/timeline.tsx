/** A line of dumps over time, each with what its verification said, for eyes: the table below says the same in words. */

import type { JSX } from "preact";

import { StateShape } from "../../components/state.tsx";
import { conditionOf, wordOf } from "../../lib/backup.ts";
import type { Dump } from "../../lib/backup.ts";
import type { Time } from "../../lib/clock.ts";
import { linkTo } from "../../lib/router.ts";
import { timeText } from "../../lib/time.ts";
import { placesOf, ticksOf, toldOf } from "./timeline.ts";

const LABELS = 6;

/** The timeline of the page's span. */
export function Timeline({ database, dumps, time }: { database: string; dumps: Dump[]; time: Time }): JSX.Element {
  const places = placesOf(dumps, time.span);
  const style = time.span.to - time.span.from > 3 * 86_400_000 ? "day" : "moment";
  return (
    <figure class="backup-timeline">
      <div class="backup-lane">
        {places.map(({ dump, left, verifiedLeft }) => (
          <span key={dump.dump_id}>
            {verifiedLeft !== null && verifiedLeft > left && <i class="backup-wait" style={{ left: `${left}%`, width: `${verifiedLeft - left}%` }} />}
            <a
              class={`backup-mark state is-bare is-${conditionOf(dump.verdict)} ${dump.deleted_at ? "is-gone" : ""}`}
              style={{ left: `${left}%` }}
              href={linkTo(`/backups/${encodeURIComponent(database)}`, { proof: dump.verification_id || undefined })}
              title={`${timeText(Date.parse(dump.taken_at), time.zone, "full")}: ${wordOf(dump)}${dump.reason ? ` (${dump.reason.replaceAll("_", " ")})` : ""}${dump.deleted_at ? ", deleted" : ""}`}
              tabIndex={-1}
              aria-hidden="true"
            >
              <StateShape condition={conditionOf(dump.verdict)} size={14} />
            </a>
          </span>
        ))}
      </div>
      <div class="backup-ticks" aria-hidden="true">
        {ticksOf(time.span, LABELS).map((moment) => <span key={moment}>{timeText(moment, time.zone, style)}</span>)}
      </div>
      <figcaption class="quiet small">{toldOf(places.map((one) => one.dump))}</figcaption>
    </figure>
  );
}
