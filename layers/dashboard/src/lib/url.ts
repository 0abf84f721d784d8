/** Where we are: a path below /console, and parameters. The whole view is in the URL, so a link shows the same again. */

export const BASE = "/console";
/** Parameters that go along from page to page. */
export const CARRIED = ["from", "to", "tz"] as const;

export interface Place {
  /** The path below BASE, beginning with a slash. */
  path: string;
  query: URLSearchParams;
}

/** Return the place of a location; a path outside BASE is the root. */
export function placeOf(location: { pathname: string; search: string }): Place {
  const isOurs = location.pathname === BASE || location.pathname.startsWith(`${BASE}/`);
  const path = isOurs ? location.pathname.slice(BASE.length).replace(/\/+$/, "") : "";
  return { path: path || "/", query: new URLSearchParams(location.search) };
}

/** Return the address of `path` with `parameters`, carrying the time range of `current`; empty values are left out. */
export function hrefOf(path: string, parameters: Record<string, string | undefined> = {}, current = new URLSearchParams()): string {
  const query = new URLSearchParams();
  for (const name of CARRIED) {
    const value = current.get(name);
    if (value && !(name in parameters)) query.set(name, value);
  }
  for (const [name, value] of Object.entries(parameters)) if (value) query.set(name, value);
  const text = query.toString();
  return `${BASE}${path === "/" ? "" : path}${text ? `?${text}` : ""}`;
}

/** Return `current` with some parameters changed; empty or undefined ones are removed. */
export function changedQuery(current: URLSearchParams, changes: Record<string, string | undefined>): URLSearchParams {
  const query = new URLSearchParams(current);
  for (const [name, value] of Object.entries(changes)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  return query;
}

/** Return the parameters that `pattern` ("/services/:name") finds in `path`, decoded, or null if it does not fit. */
export function matchPath(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return null;
  const found: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const here = given[index] ?? "";
    if (part.startsWith(":")) {
      try {
        found[part.slice(1)] = decodeURIComponent(here);
      } catch {
        return null;
      }
      if (!here) return null;
    } else if (part !== here) {
      return null;
    }
  }
  return found;
}
