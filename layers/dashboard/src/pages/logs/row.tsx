/** One line of a list: closed it is one row, open it shows everything. */

import { Component } from "preact";
import type { ComponentChildren, JSX } from "preact";

import { Icon } from "../../components/icon.tsx";
import { Details } from "./details.tsx";
import { excerpt } from "./highlight.ts";
import { clockText, oneLine, previewOf, visible } from "./lines.ts";
import { Marked } from "./marked.tsx";
import type { Asked } from "./question.ts";
import { WORDS } from "./severity.ts";
import { Severity } from "./severity.tsx";
import type { Line } from "./types.ts";

/** How much of a line is shown on one row, and where rows wrap. */
const ON_ROW = 400;
const WRAPPED = 1_500;

export interface RowProps {
  line: Line;
  zone: string;
  hasDay: boolean;
  isOpen: boolean;
  isWrapped: boolean;
  isFirst: boolean;
  asked: Asked | undefined;
  /** What stands in the place of the time. */
  lead: ((line: Line) => ComponentChildren) | undefined;
  onToggle: (id: string) => void;
}

/** A row; drawn again only when one of its properties changes, since there may be thousands. */
export class LineRow extends Component<RowProps> {
  /** Compare each property with the one before. */
  override shouldComponentUpdate(next: Readonly<RowProps>): boolean {
    const names = Object.keys(next) as Array<keyof RowProps>;
    return names.some((name) => next[name] !== this.props[name]);
  }

  /** Draw the row. */
  override render({ line, zone, hasDay, isOpen, isWrapped, isFirst, asked, lead, onToggle }: RowProps): JSX.Element {
    const clock = clockText(line.time, zone, hasDay);
    const more = previewOf(line);
    const parts = excerpt(line.body, line.highlights?.["body"] ?? [], isWrapped ? WRAPPED : ON_ROW);
    const toggle = (event: MouseEvent): void => {
      const isElsewhere = (event.target as Element).closest("a, .line-toggle") !== null;
      if (!isElsewhere && String(window.getSelection() ?? "") === "") onToggle(line.id);
    };
    return (
      <li class={`line is-${line.severity} ${isOpen ? "is-open" : ""}`} data-id={line.id}>
        <div class="line-row" onClick={toggle}>
          <button
            type="button"
            class="line-toggle"
            tabIndex={isFirst ? 0 : -1}
            aria-expanded={isOpen}
            aria-label={`${clock}, ${WORDS[line.severity]}, ${visible(line.service)}: ${oneLine(line.body, 160)}`}
            onClick={() => onToggle(line.id)}
          >
            <Icon name={isOpen ? "down" : "right"} size={12} />
          </button>
          <span class="line-time mono">{lead ? lead(line) : <time dateTime={line.time}>{clock}</time>}</span>
          <Severity severity={line.severity} />
          <bdi class="line-service truncate" title={visible(line.service)}>{visible(line.service)}</bdi>
          <span class="line-body mono">
            <bdi><Marked parts={parts} /></bdi>
            {more && <span class="line-more"><bdi>{oneLine(more)}</bdi></span>}
          </span>
        </div>
        {isOpen && <Details line={line} asked={asked} />}
      </li>
    );
  }
}
