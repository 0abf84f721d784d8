/** Services: all of them in one table, to find one and to compare. */

import type { JSX } from "preact";

import { Sparkline } from "../../charts/sparkline.tsx";
import { Loaded, Panel, Told } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import type { Condition } from "../../components/state.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table.tsx";
import { get, getAll } from "../../lib/api.ts";
import { useTime } from "../../lib/clock.ts";
import { conditionOf, OWN_SERVICE } from "../../lib/condition.ts";
import { countText, millisText, percentText } from "../../lib/format.ts";
import { useQuery } from "../../lib/query.ts";
import { linkTo, useParameter } from "../../lib/router.ts";
import { agoText } from "../../lib/time.ts";
import type { AnomaliesAnswer, KpiSeries, SeriesAnswer, Service } from "../../lib/types.ts";
import type { Page } from "../../shell/page.ts";
import "./services.css";
import { totalsOf } from "./totals.ts";
import type { Totals } from "./totals.ts";

interface Row extends Totals {
  service: Service;
  condition: Condition;
  series: KpiSeries | undefined;
}

const RANKS: Record<Condition, number> = { anomalous: 0, degraded: 1, unknown: 2, healthy: 3 };

function View(): JSX.Element {
  const time = useTime();
  const [order, setOrder] = useParameter("sort", "condition");
  const [filter, setFilter] = useParameter("find");
  const services = useQuery("services", (signal) => getAll<{ services: Service[]; next: string | null }, Service>("/v1/services", { limit: 1_000 }, (page) => page.services.filter((one) => one.service !== OWN_SERVICE), { signal }), time.tick);
  const open = useQuery("services open", (signal) => get<AnomaliesAnswer>("/v1/anomalies", { state: "open", limit: 1_000 }, signal), time.tick);
  const series = useQuery(
    `services series|${time.key}`,
    (signal) => get<SeriesAnswer>("/v1/kpis/series", { service: "*", kpi: "requests,errors,p95_ms", from: time.from, to: time.to, step_s: time.step }, signal),
    time.tick,
  );
  return (
    <div class="page">
      <header class="page-head">
        <h1>Services</h1>
        <input class="input" type="search" placeholder="Find by name or owner" aria-label="Find by name or owner" value={filter} onInput={(event) => setFilter(event.currentTarget.value, { replace: true })} />
      </header>
      <Panel title="All services" note={services.data ? countText(services.data.length) : undefined} isFlush isBusy={series.isRefreshing}>
        <Loaded query={services} height={240} empty={(all) => (all.length === 0 ? <Told icon="service" title="No service has been heard yet" /> : null)}>
          {(all) => {
            const wanted = filter.toLowerCase();
            const rows = all
              .filter((one) => `${one.service} ${one.owner}`.toLowerCase().includes(wanted))
              .map((service) => rowOf(service, open.data, series.data));
            if (rows.length === 0) return <Told icon="search" title="No service is called so">Its name and its owner are looked at.</Told>;
            return <Table label="All services" columns={columnsOf(time.now)} rows={rows} keyOf={(row) => row.service.service} order={order} onOrder={setOrder} />;
          }}
        </Loaded>
      </Panel>
    </div>
  );
}

function rowOf(service: Service, open: AnomaliesAnswer | undefined, answer: SeriesAnswer | undefined): Row {
  const series = answer?.series.find((one) => one.service === service.service && one.operation === "");
  return { service, condition: conditionOf(service, open), series, ...totalsOf(series) };
}

function columnsOf(now: number): Array<Column<Row>> {
  const spark = (label: string, values: KpiSeries["requests"], condition: Condition): JSX.Element | undefined =>
    values && <span class="services-spark"><Sparkline label={label} values={values} condition={condition} height={22} /></span>;
  return [
    {
      id: "name",
      title: "Service",
      value: (row) => row.service.service,
      cell: ({ service }) => (
        <a class="services-name" href={linkTo(`/services/${encodeURIComponent(service.service)}`)}>
          {service.service}
          <small>{service.owner === "nobody" ? "no owner" : service.owner}</small>
        </a>
      ),
    },
    { id: "condition", title: "State", value: (row) => RANKS[row.condition], cell: (row) => <StateBadge condition={row.condition} /> },
    { id: "tier", title: "Tier", value: (row) => row.service.tier, cell: (row) => row.service.tier, isNumber: true },
    { id: "requests", title: "Requests", value: (row) => row.requests, cell: (row) => countText(row.requests), isNumber: true },
    { id: "trend", title: "Trend", cell: (row) => spark("Requests over time", row.series?.requests, row.condition) },
    { id: "errors", title: "Errors", value: (row) => row.errorRatio, cell: (row) => percentText(row.errorRatio), isNumber: true },
    { id: "p95", title: "p95, latest", value: (row) => row.p95, cell: (row) => millisText(row.p95), isNumber: true },
    { id: "latency", title: "Latency", cell: (row) => spark("p95 over time", row.series?.p95_ms, row.condition) },
    {
      id: "heard",
      title: "Last heard",
      value: (row) => row.service.last_seen,
      cell: (row) => (row.service.last_seen ? agoText(Date.parse(row.service.last_seen), now) : "never"),
    },
  ];
}

export const services: Page = {
  pattern: "/services",
  title: () => "Services",
  view: View,
  nav: { label: "Services", icon: "service", key: "s" },
};
