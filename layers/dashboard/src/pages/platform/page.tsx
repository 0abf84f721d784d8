/** Platform: how opsloop itself does, what it could not read, whom it told, who may call it, and what it costs. */

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";

import { Tabs } from "../../components/controls.tsx";
import { Icon } from "../../components/icon.tsx";
import { Loaded } from "../../components/panel.tsx";
import { get } from "../../lib/api.ts";
import { useTime } from "../../lib/clock.ts";
import type { Time } from "../../lib/clock.ts";
import { useQuery } from "../../lib/query.ts";
import type { Query } from "../../lib/query.ts";
import { linkTo, useParameter } from "../../lib/router.ts";
import { agoText } from "../../lib/time.ts";
import type { Page } from "../../shell/page.ts";
import { ConfigurationPart } from "./configuration.tsx";
import { CostPart } from "./cost.tsx";
import { DeliveriesPart } from "./deliveries.tsx";
import { FunctionsPart } from "./functions.tsx";
import { HealthPart } from "./health.tsx";
import { KeysPart } from "./keys.tsx";
import "./platform.css";
import { QuarantinePart } from "./quarantine.tsx";
import { QueuesPart } from "./queues.tsx";
import { SendersPart } from "./senders.tsx";
import type { Platform } from "./types.ts";

const SECTIONS = {
  health: "Health",
  functions: "Functions",
  quarantine: "Quarantine",
  queues: "Dead letters",
  deliveries: "Deliveries",
  senders: "Senders",
  keys: "Keys",
  configuration: "Configuration",
  cost: "Cost",
} as const;
type Section = keyof typeof SECTIONS;
/** Those that show what was measured of the platform. */
const MEASURED: ReadonlySet<Section> = new Set<Section>(["health", "functions", "queues", "configuration", "cost"]);

function View(): JSX.Element {
  const time = useTime();
  const [wanted] = useParameter("tab", "health");
  const current: Section = wanted in SECTIONS ? (wanted as Section) : "health";
  const query = useQuery(MEASURED.has(current) ? "platform" : "", (signal) => get<Platform>("/v1/platform", {}, signal), time.tick);
  useEffect(() => document.querySelector(".tabs [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" }), [current]);
  const tabs = Object.entries(SECTIONS).map(([id, label]) => ({ id, label, href: linkTo("/platform", { tab: id === "health" ? undefined : id }) }));
  return (
    <div class="page">
      <header class="page-head">
        <h1>Platform</h1>
        {MEASURED.has(current) && query.data && <Measured platform={query.data} now={time.now} />}
      </header>
      <Tabs label="Parts of this page" current={current} tabs={tabs} />
      <Shown section={current} query={query} time={time} />
    </div>
  );
}

function Shown({ section, query, time }: { section: Section; query: Query<Platform>; time: Time }): JSX.Element {
  if (section === "quarantine") return <QuarantinePart time={time} />;
  if (section === "deliveries") return <DeliveriesPart time={time} />;
  if (section === "senders") return <SendersPart time={time} />;
  if (section === "keys") return <KeysPart time={time} />;
  return (
    <Loaded query={query} height={420}>
      {(platform) => (
        <div class="stack">
          <Warnings platform={platform} now={time.now} />
          {section === "health" && <HealthPart platform={platform} time={time} />}
          {section === "functions" && <FunctionsPart platform={platform} now={time.now} />}
          {section === "queues" && <QueuesPart platform={platform} />}
          {section === "configuration" && <ConfigurationPart platform={platform} />}
          {section === "cost" && <CostPart platform={platform} time={time} />}
        </div>
      )}
    </Loaded>
  );
}

function Measured({ platform, now }: { platform: Platform; now: number }): JSX.Element {
  const { measured_at: at, metrics_at: metrics } = platform;
  if (!at) return <p>Never measured</p>;
  const isOlder = metrics !== null && Date.parse(at) - Date.parse(metrics) > 60_000;
  return (
    <p class="small">
      Measured {agoText(Date.parse(at), now)}
      {isOlder && metrics ? `, figures ${agoText(Date.parse(metrics), now)}` : ""}
    </p>
  );
}

/** What is wrong with the measurement itself. */
function Warnings({ platform, now }: { platform: Platform; now: number }): JSX.Element {
  const faults = Object.entries(platform.faults);
  return (
    <>
      {platform.is_stale && platform.measured_at && (
        <p class="stale platform-notice" role="status">
          <Icon name="warning" /> Nothing was measured since {agoText(Date.parse(platform.measured_at), now)}: what stands here is old. Look at health_measure.
        </p>
      )}
      {faults.length > 0 && (
        <p class="stale platform-notice" role="status">
          <Icon name="warning" /> Not everything answered: {faults.map(([what, why]) => `${what} (${why})`).join("; ")}.
        </p>
      )}
    </>
  );
}

export const platform: Page = {
  pattern: "/platform",
  title: () => "Platform",
  view: View,
  nav: { label: "Platform", icon: "platform", key: "p" },
};
