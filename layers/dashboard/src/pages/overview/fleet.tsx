/** The services by tier: how each is, its rate, errors and latency, with what is usual behind them. */

import type { JSX } from "preact";

import { completePoints, scaled } from "../../charts/grid.ts";
import type { Values } from "../../charts/grid.ts";
import { Sparkline } from "../../charts/sparkline.tsx";
import { Panel, Skeleton } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import type { Condition } from "../../components/state.tsx";
import { conditionOf, measureCondition } from "../../lib/condition.ts";
import { millisText, percentText, rateText, UNKNOWN_TEXT } from "../../lib/format.ts";
import { linkTo } from "../../lib/router.ts";
import { agoText } from "../../lib/time.ts";
import type { AnomaliesAnswer, BandsAnswer, KpiSeries, SeriesAnswer, Service } from "../../lib/types.ts";

const TIERS: Record<number, string> = { 1: "Tier 1, users notice at once", 2: "Tier 2", 3: "Tier 3", 4: "Tier 4, nobody waits for it" };

interface FleetProps {
  services: Service[];
  open: AnomaliesAnswer | undefined;
  series: SeriesAnswer | undefined;
  /** The figures are on their way: places are kept for them. */
  isWaiting: boolean;
  isRefreshing: boolean;
  bands: BandsAnswer | undefined;
  now: number;
}

/** All services, the most important tier first. */
export function Fleet(props: FleetProps): JSX.Element {
  const tiers = [...new Set(props.services.map((one) => one.tier))].sort();
  return (
    <Panel title="Services" note={`${props.services.length}`} isFlush isBusy={props.isRefreshing}>
      <div class="fleet">
        <div class="fleet-row is-head" aria-hidden="true">
          <span>Service</span><span>State</span><span>Requests</span><span>Errors</span><span>Latency, p95</span>
        </div>
        {tiers.map((tier) => (
          <section key={tier} aria-label={TIERS[tier] ?? `Tier ${tier}`}>
            <h3 class="fleet-tier">{TIERS[tier] ?? `Tier ${tier}`}</h3>
            {props.services.filter((one) => one.tier === tier).map((service) => <Row key={service.service} service={service} {...props} />)}
          </section>
        ))}
      </div>
    </Panel>
  );
}

function Row(props: FleetProps & { service: Service }): JSX.Element {
  const { service, series, bands } = props;
  const condition = conditionOf(service, props.open);
  const own: Partial<KpiSeries> = series?.series.find((one) => one.service === service.service && one.operation === "") ?? {};
  const points = series ? completePoints(series) : 0;
  const figure = (measure: string, values: Values | undefined, factor = 1): Pick<FigureProps, "values" | "band" | "condition" | "isWaiting"> => {
    const band = bands?.series.find((one) => one.service === service.service && one.measure === measure && one.operation === "" && one.judged);
    const part = (column: Values | undefined, by: number): Values | undefined => column && scaled(column.slice(0, points), by);
    const usual = measure === "rate" && band ? factorOf(band.unit, series?.step_s ?? 1) : 1;
    return {
      values: part(values, factor),
      band: band && { expected: part(band.expected, usual), low: part(band.low, usual), high: part(band.high, usual) },
      condition: measureCondition(service.service, measure, props.open),
      isWaiting: props.isWaiting,
    };
  };
  return (
    <a class="fleet-row" href={linkTo(`/services/${encodeURIComponent(service.service)}`)}>
      <span class="fleet-name">
        <strong class="truncate">{service.service}</strong>
        <span class="quiet small truncate">{service.owner === "nobody" ? "no owner" : service.owner}</span>
      </span>
      <span>
        <StateBadge condition={condition} />
        {condition === "unknown" && <small class="quiet small"><br />{service.last_seen ? `heard ${agoText(Date.parse(service.last_seen), props.now)}` : "never heard"}</small>}
      </span>
      <Figure label="Requests" text={rateText} {...figure("rate", own.requests, 1 / (series?.step_s ?? 1))} />
      <Figure label="Errors" text={percentText} least={0.02} {...figure("error_ratio", own.error_ratio)} />
      <Figure label="p95" text={millisText} {...figure("p95", own.p95_ms)} />
    </a>
  );
}

/** Return what the band of a rate is multiplied with so that it is per second. */
export function factorOf(unit: string, stepS: number): number {
  if (unit.endsWith("/min")) return 1 / 60;
  return unit.endsWith("/s") ? 1 : 1 / stepS;
}

interface FigureProps {
  label: string;
  values: Values | undefined;
  band: { expected: Values | undefined; low: Values | undefined; high: Values | undefined } | undefined;
  least?: number;
  text: (value: number | null, beside?: Array<number | null>) => string;
  condition: Condition;
  isWaiting: boolean;
}

function Figure(props: FigureProps): JSX.Element {
  const { values, band, text } = props;
  const last = lastOf(values);
  const usual = lastOf(band?.expected);
  return (
    <span class="fleet-figure">
      <span class="fleet-label">{props.label}</span>
      <span>
        <b class={`is-${props.condition}`}>{last === null ? UNKNOWN_TEXT : text(last, [usual])}</b>
        {usual !== null && <small>usual {text(usual, [last])}</small>}
      </span>
      {!values && props.isWaiting && <Skeleton height={28} />}
      {values && <Sparkline label={`${props.label}: ${last === null ? "UNKNOWN" : text(last)}`} values={values} low={band?.low} high={band?.high} {...(props.least ? { least: props.least } : {})} condition={props.condition} />}
    </span>
  );
}

/** Return the newest point; what is unknown there stays unknown, however well the time before is known. */
function lastOf(values: Values | undefined): number | null {
  return values?.[values.length - 1] ?? null;
}
