/** Lines as they come. */

import type { JSX } from "preact";
import { useRef } from "preact/hooks";

import { Button } from "../../components/controls.tsx";
import { Panel, Told } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { countText } from "../../lib/format.ts";
import { durationText } from "../../lib/time.ts";
import { LineList, LineTools } from "./line_list.tsx";
import { visible } from "./lines.ts";
import { Newer } from "./newer.tsx";
import type { Asked } from "./question.ts";
import { isReading, toTop } from "./reading.ts";
import { Refusal } from "./refusal.tsx";
import { MAX_TAIL } from "./tail.ts";
import { LATE_MS, useTail } from "./use_tail.ts";
import type { Tail } from "./use_tail.ts";

/** The live tail of what `asked` names. */
export function LiveView({ asked, zone }: { asked: Asked; zone: string }): JSX.Element {
  const holder = useRef<HTMLDivElement>(null);
  const tail = useTail(asked, true, () => isReading(holder.current));
  const isRefused = tail.phase === "lost" && tail.error !== undefined && [400, 403, 404].includes(tail.error.status);
  if (isRefused && tail.error) return <Panel title="Live tail"><Refusal error={tail.error} onRetry={() => tail.clear()} /></Panel>;
  return (
    <div ref={holder} class="logs-lines">
      <Newer count={tail.waiting.length} onShow={() => { tail.release(); toTop(holder.current); }} />
      <Panel title="Live tail" note={<Phase tail={tail} />} isFlush tools={
        <>
          <Button label={tail.isPaused ? "Go on" : "Pause"} icon={tail.isPaused ? "play" : "pause"} look="plain" onClick={() => tail.setPaused(!tail.isPaused)} />
          <Button label="Clear" look="plain" onClick={tail.clear} />
          <LineTools lines={tail.lines} name="live" />
        </>
      }>
        <Standing tail={tail} asked={asked} />
        {tail.lines.length === 0 && tail.phase !== "lost" ? (
          <Told icon="clock" title={tail.phase === "connecting" ? "Connecting" : "Waiting for lines"} height={200}>
            They stand here as soon as they can be searched, some seconds after they were sent.
          </Told>
        ) : (
          <LineList label="Live lines, newest first" lines={tail.lines} zone={zone} asked={asked} />
        )}
        {tail.lines.length > 0 && <p class="lines-foot">{footText(tail)}</p>}
      </Panel>
    </div>
  );
}

function Phase({ tail }: { tail: Tail }): JSX.Element {
  if (tail.phase === "lost") return <StateBadge condition="unknown" text="UNKNOWN: no connection" />;
  if (tail.isPaused) return <StateBadge condition="degraded" text="Paused" />;
  return tail.phase === "live" ? <StateBadge condition="healthy" text="Live" /> : <span>Connecting</span>;
}

function footText({ lines, dropped }: Tail): string {
  const gone = dropped > 0 ? `; ${countText(dropped)} older ones went: a tail holds ${countText(MAX_TAIL)}` : "";
  return `${countText(lines.length)} lines${gone}`;
}

/** How complete what is shown is. */
function Standing({ tail, asked }: { tail: Tail; asked: Asked }): JSX.Element {
  const isOne = asked.service !== "";
  const isLost = tail.phase === "lost";
  const goesOn = isOne ? "it goes on where it stopped, so no line is missed." : "the time in between is asked for again.";
  const behind = isOne ? ` ${tail.behind} batches are not searchable yet.` : " Search is behind: some lines come later.";
  const how = isOne
    ? `Every line of ${visible(asked.service)} that fits, in the order in which they were kept.`
    : `All services, asked every few seconds. A line that is searchable more than ${durationText(LATE_MS)} after its time is not seen; with one service chosen, none is missed.`;
  return (
    <p class={`live-note ${isLost ? "is-lost" : ""}`} role="status">
      {isLost && tail.error && <span>{tail.error.message.replace(/[.\s]+$/, "")}. It is tried again by itself; {goesOn} </span>}
      <bdi>{how}{tail.behind > 0 && behind}</bdi>
    </p>
  );
}
