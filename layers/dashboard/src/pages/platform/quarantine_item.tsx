/** One object of the quarantine: where it came from, its first bytes, and what our reader makes of it today. */

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";

import { Button } from "../../components/controls.tsx";
import { Loaded, Panel, Told } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import type { Condition } from "../../components/state.tsx";
import { addressOf, get } from "../../lib/api.ts";
import { bytesText, countText } from "../../lib/format.ts";
import { useQuery } from "../../lib/query.ts";
import { useParameter } from "../../lib/router.ts";
import { may } from "../../lib/session.ts";
import { timeText } from "../../lib/time.ts";
import { Facts } from "./facts.tsx";
import type { Quarantined, QuarantinedInFull } from "./types.ts";

const OUTCOMES: Record<string, [Condition, string]> = {
  readable: ["healthy", "can be read now"],
  partly_readable: ["degraded", "can be read in part"],
  unreadable: ["anomalous", "still cannot be read"],
  too_old: ["unknown", "too old to count"],
};

/** The object called `name`; its bytes are shown to admins alone, since they are what a sender sent. */
export function ObjectPanel(props: {
  name: string;
  listed: Quarantined | undefined;
  zone: string;
  onClose: () => void;
  onReplay: () => void;
}): JSX.Element {
  const mayLook = may("admin");
  const query = useQuery(mayLook ? `quarantined ${props.name}` : "", (signal) => get<QuarantinedInFull>("/v1/quarantine/item", { key: props.name }, signal));
  useEffect(() => document.querySelector(".platform-object")?.scrollIntoView({ block: "nearest" }), [props.name, query.data]);
  const listed = query.data ?? props.listed;
  const canReplay = may("operator") && listed?.state === "open";
  return (
    <Panel
      title="The object"
      class="platform-object"
      note={<code class="small">{props.name.split("/").slice(0, 2).join("/")}/{props.name.split("/")[2]?.slice(0, 12)}…</code>}
      tools={
        <>
          {mayLook && <a class="button" href={addressOf("/v1/quarantine/body", { key: props.name })} download={`${props.name.replace(/\//g, "-")}.bin`}>Bytes</a>}
          {canReplay && <Button label="Replay" icon="play" look="primary" onClick={props.onReplay} />}
          <Button label="Close" icon="close" isIconOnly look="plain" onClick={props.onClose} />
        </>
      }
    >
      {mayLook ? (
        <Loaded query={query} height={200}>{(object) => <InFull object={object} zone={props.zone} />}</Loaded>
      ) : (
        <>
          {listed && <FactsOf object={listed} zone={props.zone} />}
          <Told icon="user" title="The bytes are for admins" height={80}>What a sender sent may be personal. A key with the scope admin shows them.</Told>
        </>
      )}
    </Panel>
  );
}

function InFull({ object, zone }: { object: QuarantinedInFull; zone: string }): JSX.Element {
  const [form, setForm] = useParameter("bytes", "text");
  const { reading, preview } = object;
  const [condition, outcome] = OUTCOMES[reading.outcome] ?? ["unknown" as const, reading.outcome];
  const services = Object.entries(reading.services).map(([name, count]) => `${name} (${countText(count)})`);
  return (
    <div class="stack">
      <FactsOf object={object} zone={zone} />
      <div>
        <h3 class="platform-head">Read today <StateBadge condition={condition} text={outcome} /></h3>
        <p class="quiet">
          {reading.form.replace(/_/g, " ")}; {countText(reading.items)} items would count{services.length > 0 ? `, of ${services.join(", ")}` : ""}.
          {reading.reason && ` ${reading.reason}`}
        </p>
        {reading.refused.length > 0 && (
          <ul class="platform-refused">
            {reading.refused.slice(0, 10).map((one, index) => <li key={index}>{one.kind}: {one.reason} ({bytesText(one.size_bytes)})</li>)}
          </ul>
        )}
      </div>
      <div>
        <h3 class="platform-head">
          First {bytesText(preview.bytes)} of {bytesText(object.size_bytes)}
          <Button label="Text" aria-pressed={form === "text"} onClick={() => setForm("text", { replace: true })} />
          <Button label="Hex" aria-pressed={form === "hex"} onClick={() => setForm("hex", { replace: true })} />
        </h3>
        <pre class="platform-bytes" tabIndex={0} aria-label="First bytes">{form === "hex" ? hexLines(preview.hex) : preview.text}</pre>
      </div>
    </div>
  );
}

function FactsOf({ object, zone }: { object: Quarantined; zone: string }): JSX.Element {
  const content = [object.content_type, object.content_encoding].filter(Boolean).join(", ");
  const replayed = object.replayed_at
    ? `${timeText(Date.parse(object.replayed_at), zone)}, ${countText(object.replayed_items)} items, by key ${object.replayed_by ?? ""}`
    : "no";
  return (
    <Facts
      facts={[
        ["Reason", object.reason],
        ["Kind", object.kind],
        ["Arrived", timeText(Date.parse(object.arrived_at), zone, "full")],
        ["Set aside by", object.source],
        ["Signal", object.signal ?? "not told"],
        ["Content", content || "not told"],
        ["Counted", replayed],
        ["Request", object.correlation_id ?? "not told"],
        ...(object.part_of ? [["Left over from", object.part_of] as [string, string]] : []),
      ]}
    />
  );
}

/** Return hex digits as lines of 32 bytes, in groups of four. */
function hexLines(hex: string): string {
  const groups = hex.match(/.{1,8}/g) ?? [];
  const lines: string[] = [];
  for (let first = 0; first < groups.length; first += 8) lines.push(groups.slice(first, first + 8).join(" "));
  return lines.join("\n");
}
