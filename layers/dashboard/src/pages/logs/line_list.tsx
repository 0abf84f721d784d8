/** Lines in order, moved through by keys: j and k or the arrows, Enter opens, Escape closes. */

import type { ComponentChildren, JSX } from "preact";
import { useCallback, useEffect, useRef } from "preact/hooks";

import { Button, Menu } from "../../components/controls.tsx";
import { Icon } from "../../components/icon.tsx";
import { saveText } from "../../lib/files.ts";
import { useParameter } from "../../lib/router.ts";
import { timeText } from "../../lib/time.ts";
import { jsonLines, textOf } from "./lines.ts";
import type { Asked } from "./question.ts";
import { LineRow } from "./row.tsx";
import type { Line } from "./types.ts";

interface LineListProps {
  /** Read out. */
  label: string;
  lines: readonly Line[];
  zone: string;
  asked?: Asked | undefined;
  /** What stands in the place of the time. */
  lead?: ((line: Line) => ComponentChildren) | undefined;
}

/** The list. Which line is open and whether rows wrap is in the address. */
export function LineList({ label, lines, zone, asked, lead }: LineListProps): JSX.Element {
  const [open, setOpen] = useParameter("line");
  const [wrap] = useParameter("wrap");
  const holder = useRef<HTMLOListElement>(null);
  const opened = useRef(open);
  opened.current = open;
  const toggle = useCallback((id: string) => setOpen(opened.current === id ? "" : id, { replace: true }), []);
  useKeys(holder, useCallback(() => opened.current && setOpen("", { replace: true }), []));
  const [first, last] = [lines[0], lines[lines.length - 1]];
  const day = (line: Line | undefined): string => (line ? timeText(Date.parse(line.time), zone, "day") : "");
  const hasDay = day(first) !== day(last);
  return (
    <ol class={`lines ${wrap ? "is-wrapped" : ""} ${hasDay ? "has-day" : ""}`} ref={holder} aria-label={label}>
      {lines.map((line, index) => (
        <LineRow
          key={line.id}
          line={line}
          zone={zone}
          hasDay={hasDay}
          isOpen={line.id === open}
          isWrapped={wrap !== ""}
          isFirst={index === 0}
          asked={line.id === open ? asked : undefined}
          lead={lead}
          onToggle={toggle}
        />
      ))}
    </ol>
  );
}

function useKeys(holder: { current: HTMLOListElement | null }, close: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const { target } = event;
      if (event.metaKey || event.ctrlKey || event.altKey || event.defaultPrevented || document.querySelector("dialog[open]")) return;
      if (!(target instanceof HTMLElement)) return;
      if (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName)) return;
      const isInside = holder.current?.contains(target) ?? false;
      if (event.key === "Escape" && isInside) {
        target.closest(".line")?.querySelector<HTMLButtonElement>(".line-toggle")?.focus({ preventScroll: true });
        close();
      }
      const steps: Record<string, number> = { j: 1, k: -1, ...(isInside ? { ArrowDown: 1, ArrowUp: -1 } : {}) };
      const step = steps[event.key];
      const isScrolling = event.key.startsWith("Arrow") && target.closest(".details") !== null;
      if (step === undefined || isScrolling) return;
      if (move(holder.current, step)) event.preventDefault();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}

/** Focus the line that is `step` further than the one with the focus, or the first in sight; return whether there is one. */
function move(list: HTMLOListElement | null, step: number): boolean {
  const buttons = [...(list?.querySelectorAll<HTMLButtonElement>(".line-toggle") ?? [])];
  const here = document.activeElement?.closest(".line")?.querySelector<HTMLButtonElement>(".line-toggle");
  const at = here ? buttons.indexOf(here) : -1;
  const next = at >= 0 ? buttons[at + step] : buttons.find((one) => one.getBoundingClientRect().top > 60);
  if (!next) return false;
  if (here) here.tabIndex = -1;
  next.tabIndex = 0;
  next.focus({ preventScroll: true });
  next.closest(".line")?.scrollIntoView({ block: "nearest" });
  return true;
}

/** Wrapping, copying and saving of what a list shows. `name` begins the names of files. */
export function LineTools({ lines, name }: { lines: readonly Line[]; name: string }): JSX.Element {
  const [wrap, setWrap] = useParameter("wrap");
  const asText = (): string => lines.map(textOf).join("\n");
  const file = `${name}-${lines[0]?.time.slice(0, 19) ?? ""}`.replace(/[^A-Za-z0-9.-]+/g, "-");
  return (
    <>
      <Button label="Wrap" look="plain" aria-pressed={wrap !== ""} onClick={() => setWrap(wrap ? "" : "1", { replace: true })} />
      <Menu label="Copy or save the lines" icon="more" isIconOnly>
        {(close) => {
          const item = (label: string, icon: "copy" | "download", act: () => void): JSX.Element => (
            <button type="button" class="menu-item" disabled={lines.length === 0} onClick={() => { act(); close(); }}><Icon name={icon} /> {label}</button>
          );
          return (
            <>
              <p class="menu-item quiet small">{lines.length} lines that are loaded</p>
              {item("Copy as text", "copy", () => void navigator.clipboard.writeText(asText()))}
              {item("Copy as JSON lines", "copy", () => void navigator.clipboard.writeText(jsonLines(lines)))}
              {item("Save as text", "download", () => saveText(`${file}.log`, "text/plain", `${asText()}\n`))}
              {item("Save as JSON lines", "download", () => saveText(`${file}.jsonl`, "application/x-ndjson", `${jsonLines(lines)}\n`))}
            </>
          );
        }}
      </Menu>
    </>
  );
}
