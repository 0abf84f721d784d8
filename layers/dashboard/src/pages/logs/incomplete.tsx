/** What could not be searched, plainly, and what can be done about it. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Button } from "../../components/controls.tsx";
import { Icon } from "../../components/icon.tsx";
import { get } from "../../lib/api.ts";
import { countText } from "../../lib/format.ts";
import { useQuery } from "../../lib/query.ts";
import { may } from "../../lib/session.ts";
import { agoText, rangeText } from "../../lib/time.ts";
import { visible } from "./lines.ts";
import { RestoreDialog } from "./restore.tsx";
import type { Gap } from "./types.ts";

const WHY: Record<Gap["reason"], string> = {
  pending: "are kept, but not in the search yet. They are found within a minute, later where search is behind.",
  rebuilding: "may be missing: the search index is being made anew.",
  cold: "are older than the search keeps.",
};

/** What GET /v1/search answers, as far as it is told here. */
interface Standing {
  objects_waiting: number;
  is_waiting_exact: boolean;
  waiting_since: string | null;
}

/** A notice per gap; nothing where everything could be searched. */
export function Incomplete({ gaps, zone, services }: { gaps: Gap[]; zone: string; services: string[] }): JSX.Element | null {
  const [wanted, setWanted] = useState<Gap | null>(null);
  if (gaps.length === 0) return null;
  return (
    <>
      <section class="gaps" aria-label="What could not be searched">
        <h2><Icon name="warning" /> Not everything could be searched: there may be more lines than are shown</h2>
        <ul>
          {gaps.map((gap) => (
            <li key={`${gap.reason} ${gap.service ?? ""} ${gap.from}`}>
              <span>
                <strong>UNKNOWN</strong> {gapText(gap, zone)} {WHY[gap.reason]}
              </span>
              {gap.reason === "cold" && may("operator") && <Button label="Bring them back" onClick={() => setWanted(gap)} />}
              {gap.reason === "cold" && !may("operator") && <span class="quiet">Operators can bring them back.</span>}
            </li>
          ))}
          {gaps.some((one) => one.reason === "pending") && <Waiting />}
        </ul>
      </section>
      {wanted && <RestoreDialog gap={wanted} services={services} zone={zone} onClose={() => setWanted(null)} />}
    </>
  );
}

function Waiting(): JSX.Element | null {
  const { data } = useQuery("search standing", (signal) => get<Standing>("/v1/search", {}, signal));
  if (!data || data.objects_waiting === 0 || !data.waiting_since) return null;
  const count = `${data.is_waiting_exact ? "" : "More than "}${countText(data.objects_waiting)}`;
  return <li class="quiet">{count} objects wait for the search in all, the oldest came {agoText(Date.parse(data.waiting_since), Date.now())}.</li>;
}

function gapText(gap: Gap, zone: string): string {
  const span = { from: Date.parse(gap.from), to: Date.parse(gap.to) };
  const objects = gap.objects === null ? "" : ` (${countText(gap.objects)} ${gap.objects === 1 ? "object" : "objects"})`;
  return `lines of ${gap.service === null ? "all services" : visible(gap.service)}, ${rangeText({ from: "", to: "" }, span, zone)}${objects},`;
}
