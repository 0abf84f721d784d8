/** How this page puts figures and states into words. */

import type { Condition } from "../../components/state.tsx";
import { bytesText, countText, dollarText, millisText, numberText, UNKNOWN_TEXT } from "../../lib/format.ts";
import { durationText } from "../../lib/time.ts";
import type { Check, CheckStatus, DeliveryState, Platform } from "./types.ts";

const CHECKS: Record<CheckStatus, Condition> = { pass: "healthy", warn: "degraded", fail: "anomalous" };

/** Return how a check is. */
export function conditionOfCheck(status: string): Condition {
  return CHECKS[status as CheckStatus] ?? "unknown";
}

const DELIVERIES: Record<DeliveryState, Condition> = {
  sent: "healthy",
  sending: "degraded",
  waiting: "degraded",
  undeliverable: "anomalous",
  unclear: "unknown",
  superseded: "healthy",
};

/** Return how a delivery is: what is unclear is UNKNOWN, what was overtaken is no fault. */
export function conditionOfDelivery(state: string): Condition {
  return DELIVERIES[state as DeliveryState] ?? "unknown";
}

/** Return whether a delivery may be sent again. */
export function mayResend(state: string): boolean {
  return state === "undeliverable" || state === "unclear";
}

/** Return a check's name for people: `kpi_table:status` is "kpi table", `fold:lag` "fold lag". */
export function checkName(component: string): string {
  return component.replace(/:status$/, "").replace(/[_:]/g, " ");
}

/** Return what a check saw, with its unit. */
export function checkValue({ value, unit }: Pick<Check, "value" | "unit">): string {
  if (value === null) return UNKNOWN_TEXT;
  if (typeof value === "string") return value;
  if (unit === "s") return value < 60 ? millisText(value * 1_000) : durationText(value * 1_000);
  return `${numberText(value)} ${unit}`.trim();
}

/** Return US dollars, the small ones too: $0.0021, and "< $0.0001" below. */
export function smallDollarText(usd: number | null): string {
  if (usd === null || usd === 0 || Math.abs(usd) >= 0.01) return dollarText(usd);
  return Math.abs(usd) < 0.0001 ? "< $0.0001" : `$${usd.toFixed(4)}`;
}

/** Return a quantity of a price's unit: bytes by their size, everything else as a number. */
export function quantityText(quantity: number | null, unit: string): string {
  if (quantity === null) return UNKNOWN_TEXT;
  if (unit.endsWith(" GB-month") || unit.endsWith("Logs GB")) return bytesText(quantity * 1e9);
  return Number.isInteger(quantity) ? countText(quantity) : numberText(quantity);
}

/** Return a month's name and year, such as "November 2026", of "2026-11". */
export function monthText(month: string): string {
  const format = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric", timeZone: "UTC" });
  return format.format(new Date(`${month}-01T00:00:00Z`));
}

/** Return the address of a runbook where the deployment says that they are on the web, or null. */
export function runbookAddress(platform: Platform, runbook: string): string | null {
  const notify = platform.configuration.functions.find((one) => one.name === "alert_notify");
  const base = notify?.settings.find((one) => one.name === "RUNBOOK_URL")?.value ?? "";
  return /^https?:\/\//.test(base) ? `${base.replace(/\/+$/, "")}/${encodeURIComponent(runbook)}.md` : null;
}

const RESULTS: Record<string, string> = {
  replayed: "counted",
  partly_replayed: "counted in part",
  already_replayed: "had counted before",
  still_unreadable: "still cannot be read",
  too_old: "too old to count",
  not_found: "not there any more",
  failed: "failed, try again",
};

/** Return what became of an object that was replayed; of a trial, what would become of it. */
export function resultText(result: string, isTrial: boolean): string {
  if (isTrial && result === "replayed") return "can be counted";
  if (isTrial && result === "partly_replayed") return "can be counted in part";
  return RESULTS[result] ?? result.replace(/_/g, " ");
}

/** Return the UTC time of an expiry that is so many days from `now`, as the API takes it; "" for never. */
export function expiryOf(days: number, now: number): string | null {
  return days > 0 ? new Date(now + days * 86_400_000).toISOString() : null;
}
