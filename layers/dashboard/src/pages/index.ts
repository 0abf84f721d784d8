/** Every page: one line each, in the order of the navigation. */

import type { Page } from "../shell/page.ts";
import { logs } from "./logs/page.tsx";
import { logTrace } from "./logs/trace_page.tsx";
import { anomalies } from "./anomalies/page.tsx";
import { anomaly } from "./anomaly/page.tsx";
import { map } from "./map/page.tsx";
import { overview } from "./overview/page.tsx";
import { service } from "./service/page.tsx";
import { services } from "./services/page.tsx";
import { backup } from "./backup/page.tsx";
import { backups } from "./backups/page.tsx";
import { exercise } from "./exercise/page.tsx";
import { platform } from "./platform/page.tsx";

export const PAGES: Page[] = [
  overview,
  services,
  map,
  anomalies,
  anomaly,
  service,
  logs,
  logTrace,
  backups,
  backup,
  exercise,
  platform,
];
