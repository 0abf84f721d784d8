/** What is unusual about a service now, and what was within the range: the marks on the charts, in words. */

import type { JSX } from "preact";

import { StateBadge } from "../../components/state.tsx";
import { whenText } from "../../lib/anomaly.ts";
import { linkTo } from "../../lib/router.ts";
import type { Anomaly } from "../../lib/types.ts";

const SEVERITIES = ["critical", "warning", "info"];
const MOST_OPEN = 4;
const MOST_ENDED = 50;

interface Shown {
  anomalies: Anomaly[];
  now: number;
  zone: string;
}

/** The open ones, worst first. */
export function OpenAnomalies({ service, anomalies, now, zone }: Shown & { service: string }): JSX.Element | null {
  if (anomalies.length === 0) return null;
  const worst = [...anomalies].sort((one, other) => SEVERITIES.indexOf(one.severity) - SEVERITIES.indexOf(other.severity));
  const left = worst.length - MOST_OPEN;
  return (
    <section class="service-open" aria-label="Unusual now">
      {worst.slice(0, MOST_OPEN).map((one) => <Row key={one.anomaly_id} anomaly={one} when={whenText(one, now, zone)} />)}
      {left > 0 && <a class="service-more" href={linkTo("/anomalies", { service, state: "open" })}>{left} more</a>}
    </section>
  );
}

/** Those of the range that are over, newest first. */
export function EndedAnomalies({ anomalies, now, zone }: Shown): JSX.Element | null {
  const ended = anomalies.filter((one) => one.state === "ended").sort((one, other) => other.first_minute.localeCompare(one.first_minute));
  if (ended.length === 0) return null;
  return (
    <details class="service-ended">
      <summary>{ended.length === 1 ? "1 anomaly in this time is over" : `${ended.length} anomalies in this time are over`}</summary>
      <div class="service-open is-over">
        {ended.slice(0, MOST_ENDED).map((one) => (
          <Row key={one.anomaly_id} anomaly={one} when={whenText(one, now, zone)} />
        ))}
      </div>
    </details>
  );
}

function Row({ anomaly, when }: { anomaly: Anomaly; when: string }): JSX.Element {
  const { part, severity } = anomaly;
  const badge = part === "origin" ? "Origin" : part === "effect" ? `Follows from ${anomaly.origin_service}` : severity;
  return (
    <a href={linkTo(`/anomalies/${encodeURIComponent(anomaly.anomaly_id)}`)}>
      <StateBadge condition={severity === "info" ? "degraded" : "anomalous"} text={badge} />
      <span>{anomaly.reason}</span>
      <time class="quiet small" dateTime={anomaly.first_minute}>{when}</time>
    </a>
  );
}
