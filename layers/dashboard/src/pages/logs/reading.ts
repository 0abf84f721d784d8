/** Whether somebody is reading a list just now: then nothing in it may move. */

const TOP_BAR = 56;

/** Return whether `holder` is scrolled into, has the focus or a selection in it, or a line open. */
export function isReading(holder: HTMLElement | null): boolean {
  if (!holder) return false;
  const selection = window.getSelection();
  const hasSelection = selection !== null && !selection.isCollapsed && holder.contains(selection.anchorNode);
  return holder.getBoundingClientRect().top < TOP_BAR || hasSelection || holder.querySelector(".line.is-open, .line :focus") !== null;
}

/** Scroll so that `holder` begins below the bar at the top of the page. */
export function toTop(holder: HTMLElement | null): void {
  if (holder && holder.getBoundingClientRect().top < TOP_BAR) window.scrollBy({ top: holder.getBoundingClientRect().top - TOP_BAR - 12 });
}
