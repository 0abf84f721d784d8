/** Where the console begins. */

import "./lib/language.ts";

import { render } from "preact";

import { startRefreshing } from "./lib/clock.ts";
import { interceptLinks } from "./lib/router.ts";
import { startTheme } from "./lib/theme.ts";
import { PAGES } from "./pages/index.ts";
import { App } from "./shell/app.tsx";
import { startKeyboard } from "./shell/keyboard.ts";
import "./styles/tokens.css";
import "./styles/base.css";

startTheme();
startKeyboard(PAGES);
interceptLinks(document);
startRefreshing();
const root = document.getElementById("app");
if (root) render(<App />, root);
