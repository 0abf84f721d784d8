/** One service: what it does, how well, what of it is unusual, and what it stands between. */

import type { JSX } from "preact";

import { Button } from "../../components/controls.tsx";
import { Icon } from "../../components/icon.tsx";
import { Failure, Told } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { get, getAll } from "../../lib/api.ts";
import { useTime } from "../../lib/clock.ts";
import { conditionOf } from "../../lib/condition.ts";
import { useQuery } from "../../lib/query.ts";
import type { Query } from "../../lib/query.ts";
import { go, linkTo } from "../../lib/router.ts";
import { agoText, DAY, isoOf } from "../../lib/time.ts";
import type { AnomaliesAnswer, Service } from "../../lib/types.ts";
import type { Page, PageProps } from "../../shell/page.ts";
import { EndedAnomalies, OpenAnomalies } from "./anomalies.tsx";
import { Figures } from "./figures.tsx";
import { Neighbours } from "./neighbours_panel.tsx";
import { NotLoaded } from "./not_loaded.tsx";
import { Operations } from "./operations.tsx";
import { LogPatterns } from "./patterns.tsx";
import { Saturation } from "./saturation_panel.tsx";
import "./service.css";
import { KINDS, subjectLink, useSubject } from "./subject.ts";
import type { Subject } from "./subject.ts";
import { slowTraces, traceRows } from "./traces.ts";
import { Traces } from "./traces_panel.tsx";
import type { ExemplarRow, OperationsAnswer } from "./types.ts";

function View({ parameters }: PageProps): JSX.Element {
  const time = useTime();
  const subject = useSubject(parameters["service"] ?? "");
  const { service, operation, kind } = subject;
  const services = useQuery("services", (signal) => getAll<{ services: Service[]; next: string | null }, Service>("/v1/services", { limit: 1_000 }, (page) => page.services, { signal }), time.tick);
  const range = { service, from: time.from, to: time.to };
  const anomalies = useQuery(`service anomalies ${service}|${time.key}`, (signal) => get<AnomaliesAnswer>("/v1/anomalies", { ...range, limit: 1_000 }, signal), time.tick);
  const open = useQuery(`service open ${service}`, (signal) => get<AnomaliesAnswer>("/v1/anomalies", { service, state: "open", limit: 100 }, signal), time.tick);
  const month = isoOf(Math.max(time.span.from, time.span.to - 31 * DAY));
  const operations = useQuery(`service operations ${service}|${time.key}`, (signal) => get<OperationsAnswer>("/v1/kpis/operations", { ...range, from: month }, signal), time.tick);
  const rows = traceRows(time.span);
  const slowest = useQuery(
    `service slowest ${service} ${kind}|${time.key}`,
    (signal) =>
      getAll<{ rows: ExemplarRow[]; next: string | null }, ExemplarRow>(
        "/v1/kpis",
        { ...range, from: isoOf(rows.from), operation: "*", kind, kpi: "exemplar", resolution: rows.resolution, limit: 1_000 },
        (page) => page.rows,
        { signal, most: 3_000 },
      ),
    time.tick,
  );
  const traces = slowTraces(slowest.data ?? [], operations.data?.operations ?? [], operation, kind);
  const isMissing = services.data !== undefined && !services.data.some((one) => one.service === service);
  if (isMissing) return <div class="page"><h1>{service}</h1><Missing service={service} /></div>;
  return (
    <div class="page">
      <Head name={service} query={services} open={open.data} now={time.now} />
      {operation && <Filter subject={subject} />}
      <NotLoaded what="What is unusual now" query={open} />
      <NotLoaded what="What was unusual" query={anomalies} />
      <OpenAnomalies service={service} anomalies={open.data?.anomalies ?? []} now={time.now} zone={time.zone} />
      <EndedAnomalies anomalies={anomalies.data?.anomalies ?? []} now={time.now} zone={time.zone} />
      <Figures subject={subject} anomalies={anomalies.data?.anomalies ?? []} traces={traces} />
      <Operations subject={subject} query={operations} />
      <div class="grid-2">
        <Neighbours service={service} />
        <Traces traces={traces} query={slowest} />
      </div>
      <LogPatterns service={service} />
      <Saturation service={service} />
    </div>
  );
}

/** The name stands before anything is known of it. */
function Head(props: { name: string; query: Query<Service[]>; open: AnomaliesAnswer | undefined; now: number }): JSX.Element {
  const service = props.query.data?.find((one) => one.service === props.name);
  return (
    <header class="page-head">
      <div class="service-title">
        <h1>{props.name}</h1>
        {service && <StateBadge condition={conditionOf(service, props.open)} />}
      </div>
      {service && (
        <div class="service-about">
          <span>Tier {service.tier}</span>
          <span>{service.owner === "nobody" ? "no owner" : service.owner}</span>
          {service.contact && service.contact !== service.owner && <span>{service.contact}</span>}
          {service.environment && <span>{service.environment}</span>}
          <span>{service.last_seen ? `heard ${agoText(Date.parse(service.last_seen), props.now)}` : "never heard"}</span>
        </div>
      )}
      {!service && props.query.error && <Failure error={props.query.error} onRetry={props.query.reload} height={0} />}
    </header>
  );
}

function Filter({ subject }: { subject: Subject }): JSX.Element {
  const label = KINDS.find((one) => one.kind === subject.kind)?.label ?? "";
  return (
    <p>
      <span class="service-filter">
        <Icon name="filter" size={14} />
        <span><span class="quiet">{label}:</span> <strong class="mono">{subject.operation}</strong></span>
        <Button label="Show all operations" icon="close" isIconOnly look="plain" onClick={() => go(subjectLink(subject.service, { operation: "" }))} />
      </span>
    </p>
  );
}

function Missing({ service }: { service: string }): JSX.Element {
  return (
    <Told icon="service" tone="unknown" title={`No service is called ${service}`} action={<a class="button" href={linkTo("/services")}>All services</a>}>
      It was never heard, and no catalog declares it.
    </Told>
  );
}

export const service: Page = {
  pattern: "/services/:service",
  title: (parameters) => parameters["service"] ?? "Service",
  view: View,
  under: "/services",
};
