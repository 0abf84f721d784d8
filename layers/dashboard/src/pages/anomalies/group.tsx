/** One anomaly of the list, with what follows from it folded in beneath. */

import type { JSX } from "preact";

import { Icon } from "../../components/icon.tsx";
import { SeverityBadge } from "../../components/severity_badge.tsx";
import { measureText, timesText, whenText } from "../../lib/anomaly.ts";
import type { Group } from "../../lib/condition.ts";
import { linkTo, useParameter } from "../../lib/router.ts";
import type { Anomaly } from "../../lib/types.ts";
import { effectsOf, effectsText } from "./sections.ts";

interface RowProps {
  now: number;
  zone: string;
}

/** The origin (or what stands alone), and a button that unfolds its effects; which is unfolded is in the address. */
export function GroupItem(props: RowProps & { group: Group }): JSX.Element {
  const { group, ...rest } = props;
  const [unfolded, setUnfolded] = useParameter("unfold");
  const id = group.head.anomaly_id;
  const isUnfolded = unfolded === id;
  return (
    <li class="anomaly-group">
      <Row one={group.head} effects={group.effects.length} {...rest} />
      {group.effects.length > 0 && (
        <>
          <button type="button" class="anomaly-fold" aria-expanded={isUnfolded} onClick={() => setUnfolded(isUnfolded ? "" : id, { replace: true })}>
            <Icon name={isUnfolded ? "down" : "right"} size={14} /> {effectsText(group)}
          </button>
          {isUnfolded && (
            <ol class="anomaly-effects" aria-label={`Effects of ${group.head.service}`}>
              {effectsOf(group).map((one) => <li key={one.anomaly_id}><Row one={one} isEffect {...rest} /></li>)}
            </ol>
          )}
        </>
      )}
    </li>
  );
}

function Row({ one, now, zone, isEffect = false, effects = 0 }: RowProps & { one: Anomaly; isEffect?: boolean; effects?: number }): JSX.Element {
  const follows = !isEffect && one.part === "effect" && one.origin_service;
  return (
    <a class={`anomaly-row ${one.state === "ended" ? "is-over" : ""}`} href={linkTo(`/anomalies/${encodeURIComponent(one.anomaly_id)}`)}>
      <span class="anomaly-badge"><SeverityBadge one={one} /></span>
      <span class="anomaly-words">
        <span class="anomaly-reason">{one.reason}</span>
        <span class="anomaly-meta">
          {effects > 0 && <b>Origin</b>}
          {follows && <span>follows from {one.origin_service}</span>}
          <span>{measureText({ ...one, metric: one.measure === "pattern" ? "" : one.metric })}</span>
        </span>
      </span>
      <span class="anomaly-far">{timesText(one.value, one.expected)}</span>
      <span class="anomaly-when">{whenText(one, now, zone)}</span>
    </a>
  );
}
