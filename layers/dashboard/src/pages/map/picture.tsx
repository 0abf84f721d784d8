/** The graph drawn: lines in SVG, nodes as buttons over them; fitted to the width, larger or smaller on demand. */

import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { Button } from "../../components/controls.tsx";
import type { Condition } from "../../components/state.tsx";
import { millisText, percentText, rateText } from "../../lib/format.ts";
import { useParameter } from "../../lib/router.ts";
import { errorClassOf, keyOf, widthOf } from "./graph.ts";
import type { Calls, GraphNode, Spread } from "./graph.ts";
import { layoutOf, middleOf, NODE, pathOf } from "./layout.ts";
import type { Drawn, Placed } from "./layout.ts";
import { Legend } from "./legend.tsx";
import { NodeButton } from "./node_button.tsx";

const LEAST_FIT = 0.62;
const ZOOMS = [0.4, 0.5, 0.62, 0.75, 0.87, 1, 1.2, 1.5, 2];
const FEW_LINES = 24;

export interface MapNode extends GraphNode {
  id: string;
  condition: Condition;
}

interface PictureProps {
  nodes: MapNode[];
  calls: Calls[];
  spread: Spread;
  chosen: string;
  onChoose: (id: string) => void;
}

/** The picture with its tools. The zoom is in the address; without one the picture fits the page. */
export function Picture(props: PictureProps): JSX.Element {
  const { nodes, calls, spread, chosen } = props;
  const shape = `${nodes.map((one) => one.id).sort().join("\0")}|${calls.map((one) => keyOf(one.from, one.to)).sort().join("\0\0")}`;
  const layout = useMemo(() => layoutOf(nodes.map((one) => one.id), calls), [shape]);
  const holder = useRef<HTMLDivElement>(null);
  const width = useWidth(holder);
  const [wanted, setWanted] = useParameter("zoom");
  const fit = Math.min(1, Math.max(LEAST_FIT, width / layout.width));
  const zoom = ZOOMS.includes(Number(wanted)) ? Number(wanted) : fit;
  const further = (isLarger: boolean): number | undefined => (isLarger ? ZOOMS.find((one) => one > zoom + 0.01) : [...ZOOMS].reverse().find((one) => one < zoom - 0.01));
  const step = (isLarger: boolean): void => {
    const next = further(isLarger);
    if (next) setWanted(String(next), { replace: true });
  };
  const first = chosen || ([...spread.origins.keys()][0] ?? "");
  useEffect(() => show(holder.current, layout.nodes.find((one) => one.id === first), zoom), [shape, first, zoom, width]);
  const byId = new Map(nodes.map((one) => [one.id, one]));
  const byKey = new Map(calls.map((one) => [keyOf(one.from, one.to), one]));
  const most = Math.max(0, ...calls.map((one) => one.perMinute));
  return (
    <div class="map">
      <div class="map-holder" ref={holder} onPointerDown={drag}>
        <div class="map-size" style={{ width: `${layout.width * zoom}px`, height: `${layout.height * zoom}px` }}>
          <div class="map-sheet" style={{ width: `${layout.width}px`, height: `${layout.height}px`, transform: `scale(${zoom})` }}>
            <svg width={layout.width} height={layout.height} aria-hidden="true" focusable="false">
              {[...layout.links].sort((one, other) => rankOf(one, chosen) - rankOf(other, chosen)).map((line) => {
                const found = byKey.get(keyOf(line.from, line.to));
                return found && <Line key={keyOf(line.from, line.to)} line={line} calls={found} most={most} spread={spread} chosen={chosen} isLabelled={calls.length <= FEW_LINES} />;
              })}
            </svg>
            {layout.nodes.map((place) => {
              const node = byId.get(place.id);
              return node && <NodeButton key={place.id} node={node} place={place} origin={spread.origins.get(place.id)?.anomaly} isReached={spread.reached.has(place.id)} isChosen={place.id === chosen} onChoose={() => props.onChoose(place.id === chosen ? "" : place.id)} />;
            })}
          </div>
        </div>
      </div>
      <div class="map-foot">
        <Legend />
        <div class="map-tools" role="group" aria-label="Size of the map">
          <Button label="Smaller" look="plain" disabled={!further(false)} onClick={() => step(false)} />
          <Button label="Fit" look="plain" aria-pressed={wanted === ""} onClick={() => setWanted("", { replace: true })} />
          <Button label="Larger" look="plain" disabled={!further(true)} onClick={() => step(true)} />
        </div>
      </div>
    </div>
  );
}

/** Lines of the chosen node are drawn last, above the others. */
function rankOf(line: Drawn, chosen: string): number {
  return Number(line.from === chosen || line.to === chosen);
}

interface LineProps {
  line: Drawn;
  calls: Calls;
  most: number;
  spread: Spread;
  chosen: string;
  isLabelled: boolean;
}

function Line({ line, calls, most, spread, chosen, isLabelled }: LineProps): JSX.Element {
  const errors = errorClassOf(calls.errorRatio);
  const isNear = line.from === chosen || line.to === chosen;
  const isTraced = spread.lines.has(keyOf(line.from, line.to));
  const path = pathOf(line.points);
  const width = widthOf(calls.perMinute, most);
  const [x, y] = middleOf(line.points);
  const hasLabel = isNear || (isLabelled && chosen === "") || errors === "many";
  const label = errors === "few" ? rateText(calls.perMinute / 60) : `${rateText(calls.perMinute / 60)}, ${calls.errorRatio === null ? "errors UNKNOWN" : `${percentText(calls.errorRatio)} fail`}`;
  return (
    <g class={`map-line is-${errors} ${isTraced ? "is-traced" : ""} ${chosen && !isNear && !isTraced ? "is-far" : ""}`}>
      {isTraced && <path class="map-halo" d={path} />}
      <path class="map-stroke" d={path} stroke-width={width} />
      <path class="map-arrow" d={arrowOf(line, width)} />
      {hasLabel && <text class="map-label" x={x} y={line.isBack ? y + width / 2 + 14 : y - width / 2 - 5}>{label}</text>}
      <title>{`${line.from} calls ${line.to}: ${label}, p95 ${millisText(Math.max(0, ...calls.edges.map((edge) => edge.p95_ms ?? 0)))}`}</title>
    </g>
  );
}

function arrowOf(line: Drawn, width: number): string {
  const [x, y] = line.points[line.points.length - 1] ?? [0, 0];
  const side = line.isBack || line.from === line.to ? 1 : -1;
  const size = 6 + width;
  return `M${x} ${y}l${side * size} ${-size * 0.55}v${size * 1.1}z`;
}

function useWidth(holder: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(1_000);
  useEffect(() => {
    const { current } = holder;
    if (!current) return undefined;
    const observer = new ResizeObserver(() => setWidth(current.clientWidth));
    observer.observe(current);
    return () => observer.disconnect();
  }, []);
  return width;
}

/** Scroll so that a node is seen: the chosen one, or where it all began. */
function show(holder: HTMLElement | null, place: Placed | undefined, zoom: number): void {
  if (!holder || !place) return;
  const left = (place.x + NODE.width / 2) * zoom;
  const top = (place.y + NODE.height / 2) * zoom;
  const isSeen = left > holder.scrollLeft + 60 && left < holder.scrollLeft + holder.clientWidth - 60 && top > holder.scrollTop + 30 && top < holder.scrollTop + holder.clientHeight - 30;
  if (!isSeen) holder.scrollTo({ left: left - holder.clientWidth / 2, top: top - holder.clientHeight / 2 });
}

/** Move the picture with the mouse where it is larger than its place. */
function drag(event: PointerEvent): void {
  const holder = event.currentTarget as HTMLElement;
  if (event.pointerType !== "mouse" || event.button !== 0 || (event.target as Element).closest("button")) return;
  const start = { x: event.clientX + holder.scrollLeft, y: event.clientY + holder.scrollTop };
  const move = (next: PointerEvent): void => {
    holder.scrollLeft = start.x - next.clientX;
    holder.scrollTop = start.y - next.clientY;
  };
  const end = (): void => {
    document.removeEventListener("pointermove", move);
    document.removeEventListener("pointerup", end);
  };
  document.addEventListener("pointermove", move);
  document.addEventListener("pointerup", end);
}
