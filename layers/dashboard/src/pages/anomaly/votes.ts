/** What the detectors said, in words. */

export interface Vote {
  id: string;
  name: string;
  /** What it looks at. */
  about: string;
  value: number;
  /** What its value means. */
  said: string;
}

/** From here on a vote alone would begin an anomaly. */
export const ALONE = 0.5;

const DETECTORS: Array<[string, string, string]> = [
  ["zscore", "Jump", "how suddenly it left what is expected at this hour"],
  ["shift", "Shift", "how far the level of the last hour is from that of the eight before"],
  ["drift", "Drift", "how far it has moved, over hours, from where it was for days"],
];

/** Return the votes in their order; a preset comes last, and only if it spoke. */
export function votesOf(votes: Record<string, number>, preset: string): Vote[] {
  const found = DETECTORS.map(([id, name, about]) => {
    const value = Math.min(1, Math.max(0, votes[id] ?? 0));
    return { id, name, about, value, said: saidOf(value) };
  });
  if (!preset) return found;
  return [...found, { id: "preset", name: `Preset ${preset}`, about: "a threshold that the catalog sets", value: 1, said: "crossed" }];
}

/** Return why a call needed no votes, "" if it did. */
export function withoutVotes(one: { measure: string; votes: Record<string, number> }): string {
  if (one.measure === "silence") return "Silence needs no vote: a service that is always heard was not heard.";
  const isMute = ["zscore", "shift", "drift"].every((name) => !one.votes[name]);
  return one.measure === "pattern" && isMute ? "A pattern of errors that was never seen before needs no vote." : "";
}

function saidOf(value: number): string {
  if (value >= ALONE) return "enough alone";
  return value > 0 ? "adds to the others" : "nothing unusual";
}
