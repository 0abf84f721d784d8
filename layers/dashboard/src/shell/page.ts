/** What a page is: a folder in pages/, and one line in pages/index.ts. */

import type { JSX } from "preact";

import type { IconName } from "../components/icon.tsx";

export interface PageProps {
  /** What the pattern's `:names` stand for, decoded. */
  parameters: Record<string, string>;
}

export interface Page {
  /** Below /console: "/", "/services/:service". */
  pattern: string;
  /** The title of the browser's tab. */
  title: (parameters: Record<string, string>) => string;
  view: (props: PageProps) => JSX.Element;
  /** Its place in the navigation, and the key that follows `g`. Pages without it belong `under` another's pattern. */
  nav?: { label: string; icon: IconName; key: string };
  under?: string;
}
