/** What is around every page: navigation, search, time, theme, session. */

import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";

import { Button, Dialog } from "../components/controls.tsx";
import { Icon } from "../components/icon.tsx";
import { get } from "../lib/api.ts";
import { useTime } from "../lib/clock.ts";
import { grouped } from "../lib/condition.ts";
import { useQuery } from "../lib/query.ts";
import { go, linkTo } from "../lib/router.ts";
import { useStore } from "../lib/store.ts";
import { chooseTheme, isDark } from "../lib/theme.ts";
import type { AnomaliesAnswer } from "../lib/types.ts";
import { Brand } from "./brand.tsx";
import { isHelpOpen, KEYS } from "./keyboard.ts";
import type { Page } from "./page.ts";
import "./shell.css";
import { SessionMenu } from "./sign_in_menu.tsx";
import { TimePicker } from "./time_picker.tsx";

/** The frame around `children`, which is the page `current`. */
export function Frame(props: { pages: Page[]; current: Page | undefined; children: ComponentChildren }): JSX.Element {
  const isHelp = useStore(isHelpOpen);
  return (
    <div class="frame">
      <a class="skip" href="#main" onClick={skip}>Skip to the content</a>
      <aside class="side">
        <Brand />
        <Navigation pages={props.pages} current={props.current} />
        <div class="side-foot"><span><span class="key">?</span> keys</span></div>
      </aside>
      <div class="stack-main">
        <header class="top">
          <Search />
          <div class="top-tools">
            <TimePicker />
            <ThemeButton />
            <SessionMenu />
          </div>
        </header>
        <main class="main" id="main" tabIndex={-1}>{props.children}</main>
      </div>
      {isHelp && <Help pages={props.pages} />}
    </div>
  );
}

function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function Navigation({ pages, current }: { pages: Page[]; current: Page | undefined }): JSX.Element {
  const { tick } = useTime();
  const open = useQuery("nav", (signal) => get<AnomaliesAnswer>("/v1/anomalies", { state: "open", limit: 100 }, signal), tick);
  const count = grouped(open.data?.anomalies ?? []).length;
  return (
    <nav class="nav" aria-label="Pages">
      {pages.map((page) => page.nav && (
        <a key={page.pattern} class="nav-link" href={linkTo(page.pattern)} aria-current={page === current || current?.under === page.pattern ? "page" : undefined}>
          <Icon name={page.nav.icon} /> {page.nav.label}
          {page.pattern === "/anomalies" && count > 0 && <span class="nav-count">{count}<span class="only-read"> open</span></span>}
        </a>
      ))}
    </nav>
  );
}

function Search(): JSX.Element {
  const [text, setText] = useState("");
  const submit = (event: Event): void => {
    event.preventDefault();
    go(linkTo("/logs", { q: text.trim() || undefined }));
  };
  return (
    <form class="top-search" role="search" onSubmit={submit}>
      <Icon name="search" />
      <input id="search" type="search" placeholder="Search the logs" aria-label="Search the logs" value={text} onInput={(event) => setText(event.currentTarget.value)} />
      <span class="key" aria-hidden="true">/</span>
    </form>
  );
}

function ThemeButton(): JSX.Element {
  const dark = useStore(isDark);
  return <Button label={dark ? "Light colours" : "Dark colours"} icon={dark ? "sun" : "moon"} isIconOnly look="plain" onClick={() => chooseTheme(dark ? "light" : "dark")} />;
}

function Help({ pages }: { pages: Page[] }): JSX.Element {
  return (
    <Dialog title="Keys" onClose={() => isHelpOpen.set(false)}>
      <dl class="help-list">
        {KEYS.map(([key, what]) => [<dt key={key}><span class="key">{key}</span></dt>, <dd key={what}>{what}</dd>])}
        {pages.map((page) => page.nav && [
          <dt key={page.nav.key}><span class="key">g</span> <span class="key">{page.nav.key}</span></dt>,
          <dd key={page.nav.label}>Go to {page.nav.label}</dd>,
        ])}
      </dl>
    </Dialog>
  );
}
