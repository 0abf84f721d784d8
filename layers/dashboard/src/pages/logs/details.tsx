/** One line, opened: all of it, its attributes, where it came from, and what to do with each. */

import type { JSX } from "preact";

import { Button } from "../../components/controls.tsx";
import { Icon } from "../../components/icon.tsx";
import { linkTo, setParameters } from "../../lib/router.ts";
import { isoOf, MINUTE } from "../../lib/time.ts";
import { marked } from "./highlight.ts";
import { rowsOf, visible } from "./lines.ts";
import type { Row } from "./lines.ts";
import { Marked } from "./marked.tsx";
import type { Asked } from "./question.ts";
import { pairText, partsOf, withPart } from "./question.ts";
import type { Line } from "./types.ts";

/** Longer values are shown up to here; copying takes all of them. */
const MAX_VALUE = 2_000;

/** The details of `line`. Where `asked` is given, the search it belongs to can be narrowed. */
export function Details({ line, asked }: { line: Line; asked?: Asked | undefined }): JSX.Element {
  const body = line.body_json !== null && line.body_json !== undefined ? rowsOf(line.body_json) : [];
  const attributes = rowsOf(line.attributes);
  return (
    <div class="details">
      <pre class="details-body mono" dir="auto" tabIndex={0} aria-label="The whole line"><Marked parts={marked(line.body, line.highlights?.["body"] ?? [])} /></pre>
      {line.cut.length > 0 && <p class="quiet small">Too long to be told whole: {line.cut.join(", ")}.</p>}
      <Ways line={line} asked={asked} />
      <Rows title="Body" rows={body} asked={asked} />
      <Rows title="Attributes" rows={attributes} asked={asked} />
      <Rows title="Line" rows={ownRows(line)} />
      <Rows title="Sent by" rows={rowsOf(line.resource)} />
    </div>
  );
}

function ownRows(line: Line): Row[] {
  const rows: Array<[string, string | null]> = [
    ["time", line.time], ["observed", line.observed_time], ["severity", `${line.severity_text || line.severity} (${line.severity_number})`],
    ["trace id", line.trace_id], ["span id", line.span_id], ["pattern", line.template], ["event", line.event_name], ["scope", line.scope], ["id", line.id],
  ];
  return rows.flatMap(([name, value]) => (value ? [{ name, value }] : []));
}

function Ways({ line, asked }: { line: Line; asked: Asked | undefined }): JSX.Element {
  const moment = Date.parse(line.time);
  const around = { from: isoOf(moment - 5 * MINUTE), to: isoOf(moment + 5 * MINUTE) };
  return (
    <div class="details-ways">
      {asked && line.trace_id && <a class="button" href={linkTo(`/logs/trace/${encodeURIComponent(line.trace_id)}`, { near: line.time })}><Icon name="map" /> Its trace</a>}
      {asked && line.template && <Button label="Lines like this" icon="filter" onClick={() => setParameters({ pattern: line.template, line: undefined })} />}
      <a class="button" href={linkTo("/logs", { service: line.service, ...around })}><Icon name="clock" /> 5 min around it</a>
      <a class="button" href={linkTo(`/services/${encodeURIComponent(line.service)}`)}><Icon name="service" /> <bdi class="truncate">{visible(line.service)}</bdi></a>
      <Button label="Copy line" icon="copy" onClick={() => copy(line.body)} />
      <Button label="Copy JSON" icon="copy" onClick={() => copy(JSON.stringify({ ...line, highlights: undefined }, null, 2))} />
    </div>
  );
}

function Rows({ title, rows, asked }: { title: string; rows: Row[]; asked?: Asked | undefined }): JSX.Element | null {
  if (rows.length === 0) return null;
  return (
    <section class="details-part" aria-label={title}>
      <h3>{title}</h3>
      <dl>
        {rows.map((row, index) => (
          <div key={`${row.name} ${index}`} class="details-row">
            <dt class="mono"><bdi>{visible(row.name)}</bdi></dt>
            <dd>
              <bdi class="mono details-value">{isAskedFor(row, asked) ? <mark>{valueText(row)}</mark> : valueText(row)}</bdi>
              <span class="details-acts">
                {asked && <Narrow row={row} asked={asked} />}
                <Button label={`Copy ${row.name}`} icon="copy" isIconOnly look="plain" onClick={() => copy(row.value)} />
              </span>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function valueText({ value }: Row): string {
  return visible(value.length > MAX_VALUE ? `${value.slice(0, MAX_VALUE)}…` : value);
}

/** Return whether the question names exactly this attribute and value; case does not matter, as in the API. */
function isAskedFor(row: Row, asked: Asked | undefined): boolean {
  const part = asked?.q ? pairText(row.name, row.value)?.toLowerCase() : undefined;
  return part !== undefined && partsOf(asked?.q.toLowerCase() ?? "").includes(part);
}

function Narrow({ row, asked }: { row: Row; asked: Asked }): JSX.Element | null {
  const part = pairText(row.name, row.value);
  const opposite = pairText(row.name, row.value, true);
  if (part === null || opposite === null) return null;
  return (
    <>
      <Button label={`Only lines with ${part}`} icon="filter" isIconOnly look="plain" onClick={() => setParameters({ q: withPart(asked.q, part), line: undefined })} />
      <Button label={`Lines without ${part}`} icon="close" isIconOnly look="plain" onClick={() => setParameters({ q: withPart(asked.q, opposite), line: undefined })} />
    </>
  );
}

function copy(text: string): void {
  void navigator.clipboard.writeText(text);
}
