/** Where the found words of a line are. */

import { oneLine } from "./lines.ts";
import type { Part } from "./types.ts";

/** How much of a line stands before the first found word where the line is too long to be shown whole. */
const LEAD = 60;

/**
 * Return the whole `text` in parts, the found words of `pieces` told apart. Pieces are stretches of the text in order;
 * one that is not in it (the text was cut) is left out.
 */
export function marked(text: string, pieces: readonly Part[][]): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (const piece of pieces) {
    const start = text.indexOf(piece.map((one) => one.text).join(""), at);
    if (start < 0) continue;
    if (start > at) parts.push({ text: text.slice(at, start), is_found: false });
    parts.push(...piece);
    at = start + piece.reduce((sum, one) => sum + one.text.length, 0);
  }
  if (at < text.length || parts.length === 0) parts.push({ text: text.slice(at), is_found: false });
  return parts;
}

/** Return what one row shows of `text`: at most `most` characters on one line, from shortly before the first found word. */
export function excerpt(text: string, pieces: readonly Part[][], most = 600): Part[] {
  const parts = marked(text, pieces);
  const first = parts.findIndex((one) => one.is_found);
  const before = parts.slice(0, Math.max(0, first)).reduce((sum, one) => sum + one.text.length, 0);
  let skip = text.length > most && before > LEAD * 2 ? before - LEAD : 0;
  let left = most;
  const shown: Part[] = skip > 0 ? [{ text: "…", is_found: false }] : [];
  for (const part of parts) {
    const rest = part.text.slice(Math.min(skip, part.text.length));
    skip -= part.text.length - rest.length;
    if (!rest || left <= 0) continue;
    shown.push({ text: oneLine(rest, left), is_found: part.is_found });
    left -= rest.length;
  }
  return shown;
}
