/** The console: the session first, then the page of the address. */

import type { JSX } from "preact";
import { useEffect, useErrorBoundary } from "preact/hooks";

import { Button } from "../components/controls.tsx";
import { Skeleton, Told } from "../components/panel.tsx";
import { refusals } from "../lib/api.ts";
import { refresh } from "../lib/clock.ts";
import { linkTo, place } from "../lib/router.ts";
import { findSession, hasEnded, session } from "../lib/session.ts";
import { createStore, useStore } from "../lib/store.ts";
import { matchPath } from "../lib/url.ts";
import { PAGES } from "../pages/index.ts";
import { Frame } from "./frame.tsx";
import { SignIn } from "./sign_in.tsx";
import { SignInAgain } from "./sign_in_again.tsx";

const trouble = createStore("");

function look(): void {
  trouble.set("");
  findSession().catch((error: unknown) => trouble.set(error instanceof Error ? error.message : String(error)));
}

/** Everything. */
export function App(): JSX.Element {
  const who = useStore(session);
  const wrong = useStore(trouble);
  const refused = useStore(refusals);
  const isOver = useStore(hasEnded);
  useEffect(look, [refused]);
  if (wrong && !who) {
    return (
      <main class="sign-in">
        <Told icon="warning" tone="error" title="opsloop does not answer" action={<Button label="Try again" icon="refresh" onClick={look} />}>{wrong}</Told>
      </main>
    );
  }
  if (who === undefined) return <main class="sign-in" aria-busy="true"><Skeleton height={280} width="380px" /></main>;
  return who === null ? <SignIn /> : <>
    <Shown />
    {isOver && <SignInAgain />}
  </>;
}

function Shown(): JSX.Element {
  const { path } = useStore(place);
  const found = PAGES.map((page) => ({ page, parameters: matchPath(page.pattern, path) })).find((one) => one.parameters !== null);
  const title = found?.parameters ? found.page.title(found.parameters) : "Not found";
  useEffect(() => {
    document.title = `${title} · opsloop`;
  }, [title]);
  return (
    <Frame pages={PAGES} current={found?.page}>
      {found?.parameters ? <Guarded key={path} view={<found.page.view parameters={found.parameters} />} /> : <Missing />}
    </Frame>
  );
}

/** A page that fails takes nothing else with it. */
function Guarded({ view }: { view: JSX.Element }): JSX.Element {
  const [error, reset] = useErrorBoundary((reason: unknown) => console.error(reason));
  useStore(refresh);
  if (!error) return view;
  return (
    <Told icon="warning" tone="error" title="This page failed" action={<Button label="Show it again" icon="refresh" onClick={reset} />}>
      {error instanceof Error ? error.message : String(error)}
    </Told>
  );
}

function Missing(): JSX.Element {
  return (
    <Told icon="search" title="There is no such page" action={<a class="button" href={linkTo("/")}>To the overview</a>}>
      Its address may be misspelt.
    </Told>
  );
}
