/** Numbers as people read them: three figures that matter, the unit beside them, and a dash where nothing is known. */

export const UNKNOWN_TEXT = "–";

type Known = number | null | undefined;

/** Return `value` with about three significant figures and k, M, G above thousands. */
export function numberText(value: Known): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN_TEXT;
  const size = Math.abs(value);
  if (size >= 999_500_000) return `${figures(value / 1e9)} G`;
  if (size >= 999_500) return `${figures(value / 1e6)} M`;
  if (size >= 9_995) return `${figures(value / 1e3)} k`;
  return figures(value);
}

/** Return a whole number with thin spaces between thousands; exact, never rounded. */
export function countText(value: Known): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN_TEXT;
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** Return a ratio (0 to 1) in percent: 0 %, 0.02 %, 3.4 %, 27 %. */
export function percentText(ratio: Known): string {
  if (ratio === null || ratio === undefined || !Number.isFinite(ratio)) return UNKNOWN_TEXT;
  const percent = ratio * 100;
  if (percent !== 0 && Math.abs(percent) < 0.01) return "< 0.01 %";
  return `${figures(percent, 2)} %`;
}

/** Return milliseconds as us, ms, s, min, h, or d. */
export function millisText(value: Known): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN_TEXT;
  const size = Math.abs(value);
  if (size === 0) return "0 ms";
  if (size < 0.9995) return `${figures(value * 1_000)} µs`;
  if (size < 999.5) return `${figures(value)} ms`;
  if (size < 119_500) return `${figures(value / 1_000)} s`;
  if (size < 7_170_000) return `${figures(value / 60_000)} min`;
  return size < 172_000_000 ? `${figures(value / 3_600_000)} h` : `${figures(value / 86_400_000)} d`;
}

/** Return bytes in powers of 1024. */
export function bytesText(value: Known): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN_TEXT;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let size = Math.abs(value);
  let unit = 0;
  while (size >= 1023.5 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${figures(Math.sign(value) * size)} ${units[unit]}`;
}

/**
 * Return requests per second or, where that is less than one, per minute; `perSecond` is the rate in 1/s. Rates that
 * stand side by side have one unit, that of the least of them: name the others in `beside`.
 */
export function rateText(perSecond: Known, beside: Known[] = []): string {
  if (perSecond === null || perSecond === undefined || !Number.isFinite(perSecond)) return UNKNOWN_TEXT;
  const isSmall = [perSecond, ...beside].some((rate) => typeof rate === "number" && rate > 0 && rate < 1);
  return isSmall ? `${numberText(perSecond * 60)}/min` : `${numberText(perSecond)}/s`;
}

/** Return US dollars: cents below ten, whole above a thousand. */
export function dollarText(value: Known): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN_TEXT;
  if (value !== 0 && Math.abs(value) < 0.01) return "< $0.01";
  return Math.abs(value) < 1_000 ? `$${value.toFixed(2)}` : `$${countText(value)}`;
}

/** Return `value` by its unit, as OpenTelemetry writes units: ms, s, By, 1, and so on. */
export function valueText(value: Known, unit: string): string {
  if (unit === "ms") return millisText(value);
  if (unit === "s") return millisText(value === null || value === undefined ? value : value * 1_000);
  if (unit === "ns") return millisText(value === null || value === undefined ? value : value / 1e6);
  if (unit === "By") return bytesText(value);
  if (unit === "ratio") return percentText(value);
  if (unit === "1/s") return rateText(value);
  const text = numberText(value);
  const name = unit.replace(/^\{(.*)\}$/, "$1");
  return text === UNKNOWN_TEXT || name === "1" || name === "" ? text : `${text} ${name}`;
}

function figures(value: number, most = 3): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  const digits = Math.max(0, Math.min(most + 1, most - 1 - Math.floor(Math.log10(size))));
  return String(Number(value.toFixed(digits)));
}
