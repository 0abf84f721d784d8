/** Configuration: the deployment as it is, and every setting of every function. Nothing here is secret. */

import type { JSX } from "preact";

import { Panel, Told } from "../../components/panel.tsx";
import { StateBadge } from "../../components/state.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table.tsx";
import { countText, UNKNOWN_TEXT } from "../../lib/format.ts";
import { useParameter } from "../../lib/router.ts";
import { Facts } from "./facts.tsx";
import { fitting, useNarrow } from "./narrow.ts";
import { sharedSettings } from "./settings.ts";
import type { SharedSetting } from "./settings.ts";
import type { Configuration, Platform } from "./types.ts";

/** The tab. */
export function ConfigurationPart({ platform }: { platform: Platform }): JSX.Element {
  const { configuration } = platform;
  return (
    <>
      <div class="grid-2">
        <Panel title="Deployment"><Deployment of={configuration} /></Panel>
        <Panel title="Kept for"><Retention of={configuration} /></Panel>
      </div>
      <Panel title="Channels" note={`${configuration.catalog.channels.length}`} isFlush={configuration.catalog.channels.length > 0}>
        <Channels of={configuration} />
      </Panel>
      <Settings of={configuration} />
    </>
  );
}

function Deployment({ of }: { of: Configuration }): JSX.Element {
  const search = of.search.kind === null ? UNKNOWN_TEXT : of.search.kind;
  return (
    <Facts
      facts={[
        ["Stage", of.stage],
        ["Region", of.region || UNKNOWN_TEXT],
        ["Version", of.version],
        ["Runs on", `${of.runtimes.join(", ") || UNKNOWN_TEXT}, ${of.architectures.join(", ") || UNKNOWN_TEXT}`],
        ["Search", of.search.endpoint ? `${search}, ${of.search.endpoint}` : search],
        ["Services declared", `${countText(of.catalog.services)}, owned by ${of.catalog.owners.join(", ") || "nobody"}`],
      ]}
    />
  );
}

function Retention({ of }: { of: Configuration }): JSX.Element {
  return <Facts facts={Object.entries(of.retention_days).map(([what, days]) => [capital(what), `${countText(days)} days`])} />;
}

function Channels({ of }: { of: Configuration }): JSX.Element {
  const { channels } = of.catalog;
  if (channels.length === 0) return <Told icon="warning" title="The catalog declares no channel" height={80}>Nobody is told of anything.</Told>;
  const columns: Array<Column<(typeof channels)[number]>> = [
    { id: "name", title: "Name", value: (row) => row.name, cell: (row) => <span class="platform-strong">{row.name}</span> },
    { id: "kind", title: "Kind", value: (row) => row.kind, cell: (row) => row.kind },
    { id: "from", title: "From severity", value: (row) => row.min_severity, cell: (row) => row.min_severity },
    { id: "services", title: "Of", cell: (row) => row.services?.join(", ") ?? "every service" },
  ];
  return <Table label="Channels" columns={columns} rows={channels} keyOf={(row) => row.name} />;
}

function Settings({ of }: { of: Configuration }): JSX.Element {
  const [text, setText] = useParameter("find");
  const [order, setOrder] = useParameter("sort");
  const isNarrow = useNarrow();
  const wanted = text.toLowerCase();
  const rows = sharedSettings(of.functions).filter((row) =>
    `${row.functions.join(" ")} ${row.name} ${row.value ?? ""} ${row.meaning}`.toLowerCase().includes(wanted),
  );
  return (
    <Panel
      title="Settings of functions"
      note={countText(rows.length)}
      tools={<input class="input" type="search" placeholder="Find a setting or a function" aria-label="Find a setting or a function" value={text} onInput={(event) => setText(event.currentTarget.value, { replace: true })} />}
      isFlush
    >
      {rows.length === 0 ? (
        <Told icon="search" title="No setting is like this" />
      ) : (
        <Table label="Settings" columns={fitting(isNarrow ? NARROW_COLUMNS : COLUMNS, isNarrow, ["name"])} rows={rows} keyOf={(row) => `${row.name} ${row.functions[0]}`} order={order} onOrder={setOrder} />
      )}
    </Panel>
  );
}

const COLUMNS: Array<Column<SharedSetting>> = [
  { id: "name", title: "Setting", value: (row) => row.name, cell: (row) => <span class="platform-function"><code>{row.name}</code><small class="is-whole">{row.meaning}</small></span> },
  { id: "value", title: "Value", value: (row) => row.value, cell: (row) => <Value row={row} /> },
  { id: "functions", title: "Of", value: (row) => row.functions.length, cell: (row) => <span class="quiet small">{row.functions.join(", ")}</span> },
];

const NARROW_COLUMNS: Array<Column<SharedSetting>> = [
  {
    id: "name",
    title: "Setting",
    value: (row) => row.name,
    cell: (row) => (
      <span class="platform-setting">
        <code>{row.name}</code>
        <Value row={row} />
        <small class="quiet">{row.meaning}; {row.functions.join(", ")}</small>
      </span>
    ),
  },
];

function Value({ row }: { row: SharedSetting }): JSX.Element {
  if (!row.isKnown) return <StateBadge condition="unknown" />;
  if (!row.value) return <span class="platform-faint">empty{row.is_default ? ", the default" : ""}</span>;
  return <span class="platform-value"><code>{row.value}</code>{row.is_default && <span class="platform-faint"> default</span>}</span>;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
