/** Whether the window is as narrow as a phone: tables then have fewer columns, whose cells say more. */

import { useEffect, useState } from "preact/hooks";

const NARROW = "(max-width: 860px)";

/** Return whether the window is narrow; components that use it are drawn again when that changes. */
export function useNarrow(): boolean {
  const [isNarrow, setIsNarrow] = useState(() => window.matchMedia(NARROW).matches);
  useEffect(() => {
    const query = window.matchMedia(NARROW);
    const look = (): void => setIsNarrow(query.matches);
    query.addEventListener("change", look);
    return () => query.removeEventListener("change", look);
  }, []);
  return isNarrow;
}

/** Return those of `columns` that a narrow window has room for, in the order of `ids`; all of them in a wide one. */
export function fitting<Column extends { id: string }>(columns: Column[], isNarrow: boolean, ids: readonly string[]): Column[] {
  if (!isNarrow) return columns;
  return ids.flatMap((id) => columns.filter((column) => column.id === id));
}
