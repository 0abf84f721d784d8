/** Severity classes: their order, words, colours and textures, so that no class is told by colour alone. */

import type { Texture } from "../../charts/bars.ts";
import type { Counts, SeverityName } from "./types.ts";

/** Every class, the gravest first. */
export const SEVERITIES: readonly SeverityName[] = ["fatal", "error", "warn", "info", "debug", "trace", "unspecified"];

export const WORDS: Record<SeverityName, string> = {
  fatal: "Fatal", error: "Error", warn: "Warn", info: "Info", debug: "Debug", trace: "Trace", unspecified: "None",
};

/** How bars of a class are drawn: a colour token and a texture. */
export const LOOKS: Record<SeverityName, { colour: string; texture: Texture }> = {
  fatal: { colour: "--anomalous", texture: "cross" },
  error: { colour: "--anomalous", texture: "solid" },
  warn: { colour: "--degraded", texture: "stripes" },
  info: { colour: "--accent", texture: "weak" },
  debug: { colour: "--text-3", texture: "weak" },
  trace: { colour: "--text-3", texture: "dots" },
  unspecified: { colour: "--text-3", texture: "stripes" },
};

/** Return the classes that `text` (`error,fatal`) names, the gravest first; what is none is left out. */
export function severitiesOf(text: string): SeverityName[] {
  const named = new Set(text.split(",").map((one) => one.trim().toLowerCase()));
  return SEVERITIES.filter((one) => named.has(one));
}

/** Return `text` with one class put in or taken out. */
export function toggled(text: string, severity: SeverityName): string {
  const named = severitiesOf(text);
  const next = named.includes(severity) ? named.filter((one) => one !== severity) : [...named, severity];
  return SEVERITIES.filter((one) => next.includes(one)).join(",");
}

/** Return one column of counts per class that occurs, the gravest first: they stand at the foot of a bar. */
export function columnsOf(counts: Counts): Array<{ severity: SeverityName; values: number[] }> {
  return SEVERITIES.map((severity) => ({ severity, values: counts.buckets.map((one) => one.severities[severity] ?? 0) })).filter((one) =>
    one.values.some((value) => value > 0),
  );
}
