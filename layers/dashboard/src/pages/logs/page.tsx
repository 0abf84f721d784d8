/** Logs: search, lines, patterns, and lines as they come. */

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";

import { Button, Tabs } from "../../components/controls.tsx";
import { get } from "../../lib/api.ts";
import { useTime } from "../../lib/clock.ts";
import { useQuery } from "../../lib/query.ts";
import { go, linkTo, place, setParameters } from "../../lib/router.ts";
import { useStore } from "../../lib/store.ts";
import { BASE, changedQuery } from "../../lib/url.ts";
import type { Page } from "../../shell/page.ts";
import { Chips } from "./chips.tsx";
import { FacetLists } from "./facets.tsx";
import { LinesView } from "./lines_view.tsx";
import { LiveView } from "./live_view.tsx";
import "./logs.css";
import { PatternsView } from "./patterns_view.tsx";
import { askedOf, bounded, filtersOf, MAX_SEARCH_DAYS, traceIdOf } from "./question.ts";
import { SearchField } from "./search_field.tsx";
import type { LogPage } from "./types.ts";
import { subjectOf } from "./use_lines.ts";

function View(): JSX.Element {
  const time = useTime();
  const { query } = useStore(place);
  const asked = askedOf(query);
  const traceId = traceIdOf(asked.q);
  useEffect(() => {
    if (traceId) go(linkTo(`/logs/trace/${traceId}`), { replace: true });
  }, [traceId]);
  const isLive = query.get("live") === "1";
  const isPatterns = query.get("view") === "patterns" && !isLive;
  const { from, to } = bounded(time.from, time.to, MAX_SEARCH_DAYS);
  const found = useQuery<LogPage>(
    traceId ? "" : `facets ${subjectOf(asked, "", time)}|${from} ${to}`,
    (signal) => get<LogPage>("/v1/logs", { ...filtersOf(asked), from, to, include: "patterns,facets" }, signal),
    time.tick,
  );
  const wrong = found.error?.status === 400 && found.error.message.startsWith("q: ") ? found.error.message : "";
  const patternText = found.data?.patterns?.find((one) => one.template === asked.pattern)?.text ?? "";
  const services = found.data?.facets?.services.map((one) => one.service) ?? [];
  const tab = (view: string | undefined): string => `${BASE}/logs?${changedQuery(query, { view, live: undefined, line: undefined }).toString()}`;
  return (
    <div class="page logs">
      <header class="page-head">
        <h1>Logs</h1>
        <Button
          label="Live tail"
          icon={isLive ? "pause" : "play"}
          aria-pressed={isLive}
          onClick={() => setParameters({ live: isLive ? undefined : "1", view: undefined, line: undefined })}
        />
      </header>
      <SearchField text={asked.q} error={wrong} onSearch={(q) => setParameters({ q: q || undefined, line: undefined })} />
      <Chips asked={asked} patternText={patternText} />
      <Tabs label="Views of the lines" current={isLive ? "live" : isPatterns ? "patterns" : "lines"} tabs={[
        { id: "lines", label: "Lines", href: tab(undefined) },
        { id: "patterns", label: "Patterns", href: tab("patterns") },
      ]} />
      <div class="logs-body">
        <aside class="logs-side" aria-label="Filter by">
          <details open={matchMedia("(min-width: 861px)").matches}>
            <summary>Filters</summary>
            {found.error && !found.data ? <p class="quiet small">UNKNOWN: nothing could be counted.</p> : <FacetLists asked={asked} query={found} />}
          </details>
        </aside>
        <div class="stack">
          {isLive && <LiveView asked={asked} zone={time.zone} />}
          {isPatterns && <PatternsView asked={asked} time={time} found={found} />}
          {!isLive && !isPatterns && !traceId && <LinesView asked={asked} time={time} services={services} />}
        </div>
      </div>
    </div>
  );
}

export const logs: Page = {
  pattern: "/logs",
  title: () => "Logs",
  view: View,
  nav: { label: "Logs", icon: "log", key: "l" },
};
