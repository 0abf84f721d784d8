/** What each detector said. */

import type { JSX } from "preact";

import { Panel } from "../../components/panel.tsx";
import type { AnomalyDetail } from "./types.ts";
import { ALONE, votesOf, withoutVotes } from "./votes.ts";

/** The panel: a bar per detector, with a line where it would be enough alone. */
export function VotesPanel({ one }: { one: AnomalyDetail }): JSX.Element {
  const without = withoutVotes(one);
  return (
    <Panel title="Votes of the detectors" note={`together ${one.score.toFixed(2)} of 1`}>
      {without && <p class="anomaly-note is-first">{without}</p>}
      <dl class="votes">
        {votesOf(one.votes, one.preset).map((vote) => (
          <div class="vote" key={vote.id}>
            <dt><strong>{vote.name}</strong> <span class="quiet small">{vote.about}</span></dt>
            <dd>
              <span class={`vote-bar ${vote.value >= ALONE ? "is-enough" : ""}`} aria-hidden="true">
                <span style={{ width: `${vote.value * 100}%` }} />
                <i style={{ left: `${ALONE * 100}%` }} />
              </span>
              <b>{vote.value.toFixed(2)}</b> <span class="quiet small">{vote.said}</span>
            </dd>
          </div>
        ))}
      </dl>
      <p class="anomaly-note">At 0.5, the line in each bar, one detector is enough. Below it what they say adds up.</p>
    </Panel>
  );
}
