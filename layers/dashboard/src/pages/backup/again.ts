/** What became of asking for another proof of a dump, in words. */

import { wordOf } from "../../lib/backup.ts";
import type { Dump } from "../../lib/backup.ts";
import { timeText } from "../../lib/time.ts";

/** One dump that somebody here wants proven again; `proof` is under which id its verdict will be. */
export interface Wish {
  dump: string;
  state: "asking" | "asked" | "refused";
  proof: string;
  why: string;
}

/** Return `wishes` with `wish` in the place of the one of the same dump. */
export function withWish(wishes: Wish[], wish: Wish): Wish[] {
  return [...wishes.filter((one) => one.dump !== wish.dump), wish];
}

/** Return whether the verdict is there; what is not in `dumps` has none that is known here. */
export function isDone(wish: Wish, dumps: Dump[]): boolean {
  return wish.state === "asked" && dumps.some((one) => one.dump_id === wish.dump && one.verification_id === wish.proof);
}

/** Return whether pressing again would ask for nothing new. */
export function isUnderWay(wish: Wish | undefined, dumps: Dump[]): boolean {
  return wish !== undefined && wish.state !== "refused" && !isDone(wish, dumps);
}

/** Return a sentence about `wish`. */
export function toldOf(wish: Wish, dumps: Dump[], zone: string): string {
  const dump = dumps.find((one) => one.dump_id === wish.dump);
  const name = dump ? `The dump of ${timeText(Date.parse(dump.taken_at), zone)}` : "The dump";
  if (wish.state === "asking") return `${name}: asking for another proof…`;
  if (wish.state === "refused") return `${name} is not proven again: ${wish.why}`;
  if (dump && isDone(wish, dumps)) return `${name} was restored again: ${wordOf(dump)}.`;
  return `${name} is being proven again. Its verdict comes here; the one before stays.`;
}
