/** Anomalies: what is and was unusual, what cannot be judged, and what nothing is learnt from. */

import type { JSX } from "preact";

import { Icon } from "../../components/icon.tsx";
import { Loaded, Panel } from "../../components/panel.tsx";
import { MEASURES } from "../../lib/anomaly.ts";
import { get, getAll } from "../../lib/api.ts";
import { useTime } from "../../lib/clock.ts";
import type { Group } from "../../lib/condition.ts";
import { useQuery } from "../../lib/query.ts";
import { useParameter } from "../../lib/router.ts";
import { timeText } from "../../lib/time.ts";
import type { AnomaliesAnswer, Anomaly, Service } from "../../lib/types.ts";
import type { Page } from "../../shell/page.ts";
import "./anomalies.css";
import { ExclusionsPanel } from "./exclusions.tsx";
import { GroupItem } from "./group.tsx";
import { choicesOf, noteOf, sectionsOf } from "./sections.ts";
import { UnknownPanel } from "./unknown.tsx";

const MOST = 5_000;

function View(): JSX.Element {
  const time = useTime();
  const [service, setService] = useParameter("service");
  const [measure, setMeasure] = useParameter("measure");
  const [state, setState] = useParameter("state");
  const range = { from: time.from, to: time.to };
  const standing = useQuery("anomalies standing", (signal) => get<AnomaliesAnswer>("/v1/anomalies", { state: "open", limit: 1 }, signal), time.tick);
  const listed = useQuery(
    `anomalies|${time.key}`,
    (signal) => getAll<AnomaliesAnswer, Anomaly>("/v1/anomalies", { ...range, limit: 1_000 }, (page) => page.anomalies, { signal, most: MOST }),
    time.tick,
  );
  const services = useQuery("services", (signal) => getAll<{ services: Service[]; next: string | null }, Service>("/v1/services", { limit: 1_000 }, (page) => page.services, { signal }));
  const judged = standing.data?.judged_to ?? null;
  const all = listed.data ?? [];
  return (
    <div class="page">
      <header class="page-head">
        <h1>Anomalies</h1>
        {standing.data && <span class="quiet small">{judged ? `judged to ${timeText(Date.parse(judged), time.zone)}` : "nothing was ever judged"}</span>}
      </header>
      <form class="anomaly-filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
        <Select label="State" value={state} onChange={setState} choices={[["open", "Open"], ["ended", "Ended"]]} any="Open and ended" />
        <Select label="Service" value={service} onChange={setService} choices={withChosen(choicesOf(all, "service"), service).map((one) => [one, one])} any="All services" />
        <Select label="Measure" value={measure} onChange={setMeasure} choices={withChosen(choicesOf(all, "measure"), measure).map((one) => [one, MEASURES[one] ?? one])} any="All measures" />
      </form>
      <Loaded query={listed} height={240}>
        {(found) => {
          const { open, ended } = sectionsOf(found, { service, measure, state });
          const isFiltered = Boolean(service || measure || state);
          return (
            <>
              {found.length >= MOST && <p class="stale" role="status"><Icon name="warning" /> More than {MOST} anomalies lie in this time: the oldest are left out.</p>}
              {state !== "ended" && <List title="Open" groups={open} now={time.now} zone={time.zone} isBusy={listed.isRefreshing} nothing={isFiltered ? "Nothing open fits the filters" : "Nothing is unusual now"} />}
              {state !== "open" && <List title="Ended" groups={ended} now={time.now} zone={time.zone} isBusy={listed.isRefreshing} nothing={isFiltered ? "Nothing that ended fits the filters" : "Nothing ended in this time"} />}
            </>
          );
        }}
      </Loaded>
      {standing.data && (
        <UnknownPanel unknown={standing.data.unknown.filter((one) => !service || one.service === service || one.service === "*")} judgedAt={judged ? timeText(Date.parse(judged), time.zone) : ""} />
      )}
      <ExclusionsPanel services={(services.data ?? []).map((one) => one.service)} />
    </div>
  );
}

function List(props: { title: string; groups: Group[]; now: number; zone: string; isBusy: boolean; nothing: string }): JSX.Element {
  const { groups, now, zone } = props;
  return (
    <Panel title={props.title} note={groups.length > 0 ? noteOf(groups) : undefined} isFlush isBusy={props.isBusy}>
      {groups.length === 0 ? (
        <p class="anomaly-nothing"><Icon name="check" /> {props.nothing}.</p>
      ) : (
        <ol class="anomaly-list">{groups.map((group) => <GroupItem key={group.head.anomaly_id} group={group} now={now} zone={zone} />)}</ol>
      )}
    </Panel>
  );
}

function withChosen(choices: string[], chosen: string): string[] {
  return chosen && !choices.includes(chosen) ? [...choices, chosen].sort() : choices;
}

function Select(props: { label: string; value: string; any: string; choices: Array<[string, string]>; onChange: (value: string) => void }): JSX.Element {
  return (
    <label class="anomaly-filter">
      <span class="only-read">{props.label}</span>
      <select class="input" value={props.value} data-on={props.value !== ""} onChange={(event) => props.onChange(event.currentTarget.value)}>
        <option value="">{props.any}</option>
        {props.choices.map(([value, text]) => <option key={value} value={value}>{text}</option>)}
      </select>
    </label>
  );
}

export const anomalies: Page = {
  pattern: "/anomalies",
  title: () => "Anomalies",
  view: View,
  nav: { label: "Anomalies", icon: "anomaly", key: "a" },
};
