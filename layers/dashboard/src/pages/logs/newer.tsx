/** The button that new lines wait behind. */

import type { JSX } from "preact";

import { Icon } from "../../components/icon.tsx";
import { countText } from "../../lib/format.ts";

/** Nothing while none wait; the status is there before, so that it is read out when some do. */
export function Newer({ count, onShow }: { count: number; onShow: () => void }): JSX.Element {
  return (
    <div class="newer" role="status">
      {count > 0 && (
        <button type="button" class="button is-primary" onClick={onShow}>
          <Icon name="up" /> {countText(count)} new {count === 1 ? "line" : "lines"}
        </button>
      )}
    </div>
  );
}
