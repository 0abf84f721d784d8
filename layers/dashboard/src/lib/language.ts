/** A browser may name a language that its own formats refuse ("en-US@posix"): then it is English. Loaded before all else. */

try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, "language", { value: "en", configurable: true });
}
