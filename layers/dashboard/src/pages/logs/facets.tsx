/** What can be filtered by, with how many lines each would give. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Loaded } from "../../components/panel.tsx";
import { countText } from "../../lib/format.ts";
import type { Query } from "../../lib/query.ts";
import { setParameters } from "../../lib/router.ts";
import { visible } from "./lines.ts";
import type { Asked } from "./question.ts";
import { SEVERITIES, severitiesOf, toggled } from "./severity.ts";
import { Severity } from "./severity.tsx";
import type { LogPage } from "./types.ts";

const SHOWN = 12;

/** Services and severities; pressing one filters by it, pressing it again does not any more. */
export function FacetLists({ asked, query }: { asked: Asked; query: Query<LogPage> }): JSX.Element {
  return (
    <Loaded query={query} height={220}>
      {(page) => (
        <>
          <SeverityList asked={asked} page={page} />
          <ServiceList asked={asked} page={page} />
        </>
      )}
    </Loaded>
  );
}

function SeverityList({ asked, page }: { asked: Asked; page: LogPage }): JSX.Element {
  const chosen = severitiesOf(asked.severity);
  const counts = page.facets?.severities ?? {};
  const listed = SEVERITIES.filter((one) => counts[one] || chosen.includes(one));
  const most = Math.max(1, ...listed.map((one) => counts[one] ?? 0));
  return (
    <fieldset class="facet">
      <legend>Severity</legend>
      {listed.map((one) => (
        <Entry key={one} isOn={chosen.includes(one)} count={counts[one] ?? 0} most={most} onPress={() => choose({ severity: toggled(asked.severity, one) })}>
          <Severity severity={one} />
        </Entry>
      ))}
      {listed.length === 0 && <p class="quiet small">No lines</p>}
    </fieldset>
  );
}

function ServiceList({ asked, page }: { asked: Asked; page: LogPage }): JSX.Element {
  const [isWhole, setIsWhole] = useState(false);
  const counted = page.facets?.services ?? [];
  const isListed = !asked.service || counted.some((one) => one.service === asked.service);
  const services = isListed ? counted : [{ service: asked.service, count: 0 }, ...counted];
  const most = Math.max(1, ...services.map((one) => one.count));
  const shown = isWhole ? services : services.filter((one, index) => index < SHOWN || one.service === asked.service);
  return (
    <fieldset class="facet">
      <legend>Service</legend>
      {shown.map(({ service, count }) => (
        <Entry key={service} isOn={service === asked.service} count={count} most={most} onPress={() => choose({ service: service === asked.service ? "" : service })}>
          <bdi class="truncate">{visible(service)}</bdi>
        </Entry>
      ))}
      {services.length === 0 && <p class="quiet small">No lines</p>}
      {shown.length < services.length && <button type="button" class="facet-more" onClick={() => setIsWhole(true)}>{services.length - shown.length} more</button>}
    </fieldset>
  );
}

function choose(changes: Record<string, string>): void {
  setParameters({ ...changes, line: undefined });
}

function Entry(props: { isOn: boolean; count: number; most: number; onPress: () => void; children: JSX.Element }): JSX.Element {
  return (
    <button type="button" class="facet-entry" aria-pressed={props.isOn} onClick={props.onPress}>
      <span class="facet-box" aria-hidden="true" />
      {props.children}
      <span class="facet-count"><span class="only-read">, </span>{countText(props.count)}<span class="only-read"> lines</span></span>
      <span class="facet-bar" style={{ width: `${(props.count / props.most) * 100}%` }} aria-hidden="true" />
    </button>
  );
}
