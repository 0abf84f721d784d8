/** The services by tier: how each is, its rate, errors and latency, with what is usual behind them. */

import type { JSX } from "preact";

import { scaled } from "../../charts/grid.ts";
import type { Values } from "../../charts/grid.ts";
import { Sparkline } from "../../charts/sparkline.tsx";
import { Panel, Skeleton } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import type { Condition } from "../../components/state.tsx";
import { conditionOf } from "../../lib/condition.ts";
import { millisText, percentText, rateText, UNKNOWN_TEXT } from "../../lib/format.ts";
import { linkTo } from "../../lib/router.ts";
import { agoText } from "../../lib/time.ts";
import type { AnomaliesAnswer, BandsAnswer, BandSeries, KpiSeries, SeriesAnswer, Service } from "../../lib/types.ts";

const TIERS: Record<number, string> = { 1: "Tier 1, users notice at once", 2: "Tier 2", 3: "Tier 3", 4: "Tier 4, nobody waits for it" };

interface FleetProps {
  services: Service[];
  open: AnomaliesAnswer | undefined;
  series: SeriesAnswer | undefined;
  /** The figures are on their way: places are kept for them. */
  isWaiting: boolean;
  bands: BandsAnswer | undefined;
  now: number;
}

/** One panel per tier, the most important first. */
export function Fleet(props: FleetProps): JSX.Element {
  const tiers = [...new Set(props.services.map((one) => one.tier))].sort();
  return (
    <>
      {tiers.map((tier) => {
        const services = props.services.filter((one) => one.tier === tier);
        return (
          <Panel key={tier} title={TIERS[tier] ?? `Tier ${tier}`} note={services.length === 1 ? "1 service" : `${services.length} services`} isFlush>
            <div class="fleet">
              <div class="fleet-row is-head" aria-hidden="true">
                <span>Service</span><span>State</span><span>Requests</span><span>Errors</span><span>Latency, p95</span>
              </div>
              {services.map((service) => <Row key={service.service} service={service} {...props} />)}
            </div>
          </Panel>
        );
      })}
    </>
  );
}

function Row(props: FleetProps & { service: Service }): JSX.Element {
  const { service, series, bands } = props;
  const condition = conditionOf(service, props.open);
  const own: Partial<KpiSeries> = series?.series.find((one) => one.service === service.service && one.operation === "") ?? {};
  const step = series?.step_s ?? 1;
  const band = (measure: string): BandSeries | undefined =>
    bands?.series.find((one) => one.service === service.service && one.measure === measure && one.operation === "" && one.judged);
  const perSecond = (values: Values | undefined): Values | undefined => values && scaled(values, 1 / step);
  const rate = band("rate");
  const factor = rate ? factorOf(rate.unit, step) : 1;
  const shared = { condition, isWaiting: props.isWaiting };
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
      <Figure label="Requests" values={perSecond(own.requests)} low={rate && scaled(rate.low, factor)} high={rate && scaled(rate.high, factor)} text={rateText} {...shared} />
      <Figure label="Errors" values={own.error_ratio} low={band("error_ratio")?.low} high={band("error_ratio")?.high} least={0.02} text={percentText} {...shared} />
      <Figure label="p95" values={own.p95_ms} low={band("p95")?.low} high={band("p95")?.high} text={millisText} {...shared} />
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
  low?: Values | undefined;
  high?: Values | undefined;
  least?: number;
  text: (value: number | null) => string;
  condition: Condition;
  isWaiting: boolean;
}

function Figure(props: FigureProps): JSX.Element {
  const { values, text } = props;
  const known = values?.filter((value) => value !== null) ?? [];
  const last = values?.[values.length - 1] ?? known[known.length - 1] ?? null;
  const usual = middleOf(props.low, props.high);
  return (
    <span class="fleet-figure">
      <span class="fleet-label">{props.label}</span>
      <span>
        <b>{known.length > 0 ? text(last) : UNKNOWN_TEXT}</b>
        <small>{usual === null ? "\u00a0" : `usual ${text(usual)}`}</small>
      </span>
      {!values && props.isWaiting && <Skeleton height={28} />}
      {values && <Sparkline label={`${props.label}: ${known.length > 0 ? text(last) : "UNKNOWN"}`} values={values} low={props.low} high={props.high} {...(props.least ? { least: props.least } : {})} condition={props.condition} />}
    </span>
  );
}

function middleOf(low: Values | undefined, high: Values | undefined): number | null {
  const ends = [low?.[low.length - 1] ?? null, high?.[high.length - 1] ?? null];
  return ends[0] === null || ends[1] === null || ends[0] === undefined || ends[1] === undefined ? null : (ends[0] + ends[1]) / 2;
}
