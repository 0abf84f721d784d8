/** Having a dump proven again: what an operator presses, and what becomes of it. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Button } from "../../components/controls.tsx";
import { ApiError, send } from "../../lib/api.ts";
import type { Dump } from "../../lib/backup.ts";
import type { Time } from "../../lib/clock.ts";
import { linkTo } from "../../lib/router.ts";
import { may, session } from "../../lib/session.ts";
import { useStore } from "../../lib/store.ts";
import { timeText } from "../../lib/time.ts";
import { isDone, isUnderWay, toldOf, withWish } from "./again.ts";
import type { Wish } from "./again.ts";

/** What a page keeps of the proofs that were asked for on it. */
export interface Proofs {
  database: string;
  dumps: Dump[];
  wishes: Wish[];
  /** Empty for who may not. */
  ask: ((dump: string) => void) | undefined;
}

/** Return the proofs asked for of `database`; `dumps` are those that the page knows. */
export function useProofs(database: string, dumps: Dump[]): Proofs {
  const who = useStore(session);
  const [wishes, setWishes] = useState<Wish[]>([]);
  const say = (wish: Wish): void => setWishes((before) => withWish(before, wish));
  const ask = async (dump: string): Promise<void> => {
    say({ dump, state: "asking", proof: "", why: "" });
    try {
      const answer = await send<{ verification_id: string }>("POST", `/v1/backups/${encodeURIComponent(database)}/verify`, { dump_id: dump });
      say({ dump, state: "asked", proof: answer.verification_id, why: "" });
    } catch (error) {
      say({ dump, state: "refused", proof: "", why: error instanceof ApiError ? error.message : String(error) });
    }
  };
  return { database, dumps, wishes, ask: may("operator", who) ? (dump) => void ask(dump) : undefined };
}

/** The button; nothing for who may not, and for a dump that is not there any more. */
export function ProveAgain({ proofs, dump, time }: { proofs: Proofs; dump: string; time: Time }): JSX.Element | null {
  const known = proofs.dumps.find((one) => one.dump_id === dump);
  if (!proofs.ask || known?.deleted_at) return null;
  const wish = proofs.wishes.find((one) => one.dump === dump);
  const label = known && !known.verdict ? "Prove it now" : "Prove it again";
  const name = known ? `${label}: ${timeText(Date.parse(known.taken_at), time.zone)}` : label;
  return <Button label={label} aria-label={name} class="backup-again" disabled={isUnderWay(wish, proofs.dumps)} onClick={() => proofs.ask?.(dump)} />;
}

/** What became of asking: of every dump, or of `dump` alone. It is read out as it changes. */
export function ProofsTold({ proofs, time, dump }: { proofs: Proofs; time: Time; dump?: string }): JSX.Element {
  const told = proofs.wishes.filter((one) => dump === undefined || one.dump === dump);
  return (
    <div class="backup-asked" role="status">
      {told.map((wish) => (
        <p key={wish.dump} class={wish.state === "refused" ? "is-refused" : ""}>
          {toldOf(wish, proofs.dumps, time.zone)}{" "}
          {isDone(wish, proofs.dumps) && <a href={linkTo(`/backups/${encodeURIComponent(proofs.database)}`, { proof: wish.proof })}>Show the verdict</a>}
        </p>
      ))}
    </div>
  );
}
