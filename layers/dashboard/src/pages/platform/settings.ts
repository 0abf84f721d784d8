/** Settings put together: most functions share the names of tables and buckets. */

import type { Configuration, Setting } from "./types.ts";

export interface SharedSetting extends Setting {
  /** The functions that have it with this value. */
  functions: string[];
  isKnown: boolean;
}

/** Return every setting with the functions that have it, by name; one with two values stands twice. */
export function sharedSettings(functions: Configuration["functions"]): SharedSetting[] {
  const found = new Map<string, SharedSetting>();
  for (const one of functions) {
    for (const setting of one.settings) {
      const key = JSON.stringify([setting.name, setting.value, one.is_known]);
      const before = found.get(key);
      if (before) before.functions.push(one.name);
      else found.set(key, { ...setting, functions: [one.name], isKnown: one.is_known });
    }
  }
  return [...found.values()].sort((one, other) => one.name.localeCompare(other.name));
}
