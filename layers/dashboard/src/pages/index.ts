/** Every page: one line each, in the order of the navigation. */

import type { Page } from "../shell/page.ts";
import { overview } from "./overview/page.tsx";
import { services } from "./services/page.tsx";

export const PAGES: Page[] = [
  overview,
  services,
];
