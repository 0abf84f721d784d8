/** What the service logs, by pattern. */

import type { JSX } from "preact";

import { Sparkline } from "../../charts/sparkline.tsx";
import { Loaded, Panel, Told } from "../../components/panel.tsx";
import { get } from "../../lib/api.ts";
import { useTime } from "../../lib/clock.ts";
import { countText } from "../../lib/format.ts";
import { useQuery } from "../../lib/query.ts";
import { linkTo } from "../../lib/router.ts";
import { DAY, isoOf } from "../../lib/time.ts";
import { orNothing } from "./ask.ts";
import type { Pattern, PatternsAnswer } from "./types.ts";

const MOST = 8;
/** Hours from which on a line says more than its two ends. */
const TREND_FROM = 4;
const WEIGHT: Record<string, number> = { fatal: 0, error: 1, warn: 2 };

/** The patterns with the most lines; errors and warnings before the others. */
export function LogPatterns({ service }: { service: string }): JSX.Element {
  const time = useTime();
  const from = Math.max(time.span.from, time.span.to - 7 * DAY);
  const patterns = useQuery(
    `service patterns ${service}|${time.key}`,
    (signal) => orNothing(get<PatternsAnswer>("/v1/logs/patterns", { service, from: isoOf(from), to: time.to, limit: 200 }, signal)),
    time.tick,
  );
  const all = linkTo("/logs", { service });
  return (
    <Panel title="Log patterns" note={from > time.span.from ? "last 7 days of the range" : undefined} isFlush isBusy={patterns.isRefreshing} tools={<a class="button is-plain" href={all}>All its logs</a>}>
      <Loaded query={patterns} height={180} empty={(answer) => (answer === null || answer.patterns.length === 0 ? <Told icon="log" title="No log lines">{service} sent no log line in this time.</Told> : null)}>
        {(answer) => answer && (
          <>
            <ul class="service-list">
              {heaviest(answer.patterns).map((one) => <Row key={one.template} service={service} pattern={one} />)}
            </ul>
            {answer.total > MOST && <p class="service-none">{countText(answer.total - MOST)} more patterns</p>}
          </>
        )}
      </Loaded>
    </Panel>
  );
}

/** Return what is shown first: by severity from warnings on, then by count. */
export function heaviest(patterns: Pattern[], most = MOST): Pattern[] {
  const weight = (one: Pattern): number => WEIGHT[one.severity] ?? 3;
  return [...patterns].sort((one, other) => weight(one) - weight(other) || other.count - one.count).slice(0, most);
}

function Row({ service, pattern }: { service: string; pattern: Pattern }): JSX.Element {
  return (
    <li>
      <a class="service-pattern" href={linkTo("/logs", { service, pattern: pattern.template })}>
        <span class={`service-severity is-${pattern.severity}`}>{pattern.severity}</span>
        <span class="service-text mono">{pattern.text}{pattern.is_new && <span class="service-new">new</span>}</span>
        <span class="service-trend">{pattern.counts.length >= TREND_FROM && <Sparkline label="Lines per hour" values={pattern.counts} height={20} />}</span>
        <b class="number">{countText(pattern.count)}</b>
      </a>
    </li>
  );
}
