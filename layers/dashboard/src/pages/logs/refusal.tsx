/** What is said where the API does not search: a question it does not take, a service it does not know, a store that is down. */

import type { JSX } from "preact";

import { Button } from "../../components/controls.tsx";
import { Failure, Told } from "../../components/panel.tsx";
import type { ApiError } from "../../lib/api.ts";
import { setParameters } from "../../lib/router.ts";

/** The failure of a search, with the way on that fits it. */
export function Refusal({ error, onRetry }: { error: ApiError; onRetry: () => void }): JSX.Element {
  if (error.status === 400 && error.message.startsWith("q: ")) {
    return <Told icon="search" title="Nothing was searched" height={200}>The words cannot be asked like this; what is wrong stands under the field.</Told>;
  }
  if (error.status === 404) {
    return (
      <Told icon="service" title="This service has sent no logs" height={200} action={<Button label="Search all services" onClick={() => setParameters({ service: undefined })} />}>
        {error.message}
      </Told>
    );
  }
  if (error.status === 503) {
    return (
      <Told icon="warning" tone="unknown" title="UNKNOWN: the lines cannot be searched now" height={200} action={
        <div class="row">
          <Button label="Try again" icon="refresh" onClick={onRetry} />
          <Button label="See the patterns" onClick={() => setParameters({ view: "patterns", live: undefined })} />
        </div>
      }>
        {error.message}. Nothing is lost: lines are kept and will be found later. Patterns and the lines of a trace are read without the search.
      </Told>
    );
  }
  return <Failure error={error} onRetry={onRetry} height={200} />;
}
