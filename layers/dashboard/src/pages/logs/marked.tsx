/** Text with the found words marked. */

import type { JSX } from "preact";

import { visible } from "./lines.ts";
import type { Part } from "./types.ts";

/** Parts in order, as text: what cannot be seen is made visible, nothing is markup. */
export function Marked({ parts }: { parts: readonly Part[] }): JSX.Element {
  return <>{parts.map((part, index) => (part.is_found ? <mark key={index}>{visible(part.text)}</mark> : visible(part.text)))}</>;
}
