/** A line that says which part of the picture is missing, where the rest of it stands. */

import type { JSX } from "preact";

import { Button } from "../../components/controls.tsx";
import { Icon } from "../../components/icon.tsx";
import type { Query } from "../../lib/query.ts";

/** Nothing, unless `query` failed and there is nothing older to show. */
export function NotLoaded({ what, query }: { what: string; query: Query<unknown> }): JSX.Element | null {
  if (!query.error || query.data !== undefined) return null;
  return (
    <p class="stale" role="status">
      <Icon name="warning" /> {what} could not be loaded: {query.error.message} <Button label="Try again" look="plain" onClick={query.reload} />
    </p>
  );
}
