/** What multiplies the series of one service, and what dropping an attribute would save. */

import type { JSX } from "preact";

import { Loaded, Panel, Told } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table.tsx";
import { ApiError, get, getAll } from "../../lib/api.ts";
import type { Time } from "../../lib/clock.ts";
import { countText, percentText } from "../../lib/format.ts";
import { useQuery } from "../../lib/query.ts";
import { useParameter } from "../../lib/router.ts";
import { timeText } from "../../lib/time.ts";
import type { Service } from "../../lib/types.ts";
import { fitting, useNarrow } from "./narrow.ts";
import type { Cardinality } from "./types.ts";

const HOURS = 6;
type Dimension = Cardinality["dimensions"][number];

/** The panel, with a choice of the service. */
export function CardinalityPanel({ time }: { time: Time }): JSX.Element {
  const [chosen, setChosen] = useParameter("service");
  const services = useQuery("services", (signal) => getAll<{ services: Service[]; next: string | null }, Service>("/v1/services", { limit: 1_000 }, (page) => page.services, { signal }), time.tick);
  const heard = (services.data ?? []).filter((one) => one.last_seen);
  const names = heard.map((one) => one.service);
  const service = chosen || (heard.find((one) => one.is_declared) ?? heard[0])?.service || "";
  const query = useQuery<Cardinality | null>(service ? `cardinality ${service}` : "", (signal) => known(service, signal), time.tick);
  return (
    <Panel
      title="Series of a service"
      note={query.data ? `in the hour of ${timeText(Date.parse(query.data.hour), time.zone)}` : undefined}
      tools={
        <select class="input" aria-label="Service" value={service} onChange={(event) => setChosen(event.currentTarget.value)}>
          {[...new Set([...names, ...(service ? [service] : [])])].map((one) => <option key={one} value={one}>{one}</option>)}
        </select>
      }
      isBusy={query.isRefreshing}
    >
      {!service && !services.isLoading ? (
        <Told icon="service" title="No service has been heard yet" />
      ) : (
        <Loaded query={query} height={200} empty={(found) => (found === null ? <Told tone="unknown" title="UNKNOWN">Nothing of {service} was counted in the last {HOURS} hours.</Told> : null)}>
          {(found) => found && <Found cardinality={found} />}
        </Loaded>
      )}
    </Panel>
  );
}

/** Return what is known of the service's series, or null where nothing of it was counted of late. */
async function known(service: string, signal: AbortSignal): Promise<Cardinality | null> {
  try {
    return await get<Cardinality>("/v1/telemetry/cardinality", { service, hours: HOURS }, signal);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

function Found({ cardinality }: { cardinality: Cardinality }): JSX.Element {
  const { series, limit, overflowed, without_attributes: least } = cardinality;
  const isNarrow = useNarrow();
  const share = limit > 0 ? series / limit : 0;
  const isTight = share > 0.8 || overflowed > 0;
  return (
    <div class="stack">
      <div>
        <p class="row">
          <b class="platform-big">{countText(series)}</b>
          <span class="quiet">of {countText(limit)} series ({percentText(share)}); {countText(least)} without any attribute</span>
          {overflowed > 0 && <StateBadge condition="anomalous" text={`${countText(overflowed)} counted in the overflow`} />}
        </p>
        <div class="platform-meter" role="img" aria-label={`${percentText(share)} of the limit`}>
          <span class={isTight ? "is-tight" : ""} style={{ width: `${Math.min(100, share * 100)}%` }} />
        </div>
      </div>
      {cardinality.dimensions.length > 0 ? (
        <div class="platform-inner"><Table label="Attributes" columns={fitting(COLUMNS, isNarrow, ["name", "values", "saves"])} rows={cardinality.dimensions} keyOf={(row) => row.name} /></div>
      ) : (
        <p class="quiet">No attribute tells series of this service apart.</p>
      )}
      {cardinality.patterns.length > 0 && (
        <ul class="platform-refused">
          {cardinality.patterns.map((one) => (
            <li key={one.pattern}>{countText(one.operations)} operations are <code>{one.pattern}</code> with ids in their names: one name would save {countText(one.saves)} series.</li>
          ))}
        </ul>
      )}
    </div>
  );
}

const COLUMNS: Array<Column<Dimension>> = [
  {
    id: "name",
    title: "Attribute",
    value: (row) => row.name,
    cell: (row) => <span class="platform-function"><code>{row.name}</code><small>{row.examples.slice(0, 4).join(", ")}</small></span>,
  },
  { id: "values", title: "Values", value: (row) => row.values, cell: (row) => countText(row.values), isNumber: true },
  { id: "series", title: "Series with it", value: (row) => row.series, cell: (row) => countText(row.series), isNumber: true },
  { id: "saves", title: "Dropping it saves", value: (row) => row.saves, cell: (row) => (row.is_allowed ? countText(row.saves) : <span class="quiet">it must stay</span>), isNumber: true },
];
