/** What is filtered by, each with a way to take it away. */

import type { JSX } from "preact";

import { Icon } from "../../components/icon.tsx";
import { setParameters } from "../../lib/router.ts";
import { oneLine, visible } from "./lines.ts";
import { isFiltered } from "./question.ts";
import type { Asked } from "./question.ts";
import { severitiesOf, toggled, WORDS } from "./severity.ts";

const NO_FILTERS = { q: undefined, severity: undefined, service: undefined, pattern: undefined, line: undefined };

/** The filters in force; nothing where there are none. */
export function Chips({ asked, patternText }: { asked: Asked; patternText: string }): JSX.Element | null {
  if (!isFiltered(asked)) return null;
  const severities = severitiesOf(asked.severity);
  return (
    <ul class="chips" aria-label="Filters">
      {asked.q && <Chip name="words" value={asked.q} changes={{ q: undefined }} />}
      {severities.map((one) => <Chip key={one} name="severity" value={WORDS[one]} changes={{ severity: toggled(asked.severity, one) || undefined }} />)}
      {asked.service && <Chip name="service" value={asked.service} changes={{ service: undefined }} />}
      {asked.pattern && <Chip name="pattern" value={patternText || asked.pattern} changes={{ pattern: undefined }} />}
      <li><button type="button" class="chips-clear" onClick={() => setParameters(NO_FILTERS)}>Clear all</button></li>
    </ul>
  );
}

function Chip(props: { name: string; value: string; changes: Record<string, string | undefined> }): JSX.Element {
  return (
    <li class="chip">
      <span class="quiet">{props.name}</span> <bdi class="truncate" title={visible(props.value)}>{oneLine(props.value, 120)}</bdi>
      <button type="button" aria-label={`Without the filter ${props.name} ${props.value}`} onClick={() => setParameters({ ...props.changes, line: undefined })}>
        <Icon name="close" size={12} />
      </button>
    </li>
  );
}
