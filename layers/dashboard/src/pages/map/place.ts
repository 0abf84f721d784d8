/** Heights within a column: as near to what one wants as order and distance allow. */

/**
 * Return positions in the order given, each at least its gap after the one before, whose squared distances from
 * `wanted` are together the least there are.
 *
 * `gaps[i]` lies between `i` and `i + 1`. Neighbours that are too near are moved as one block, to where their mean is
 * best ("pool adjacent violators").
 */
export function spaced(wanted: readonly number[], gaps: readonly number[]): number[] {
  const offsets: number[] = [];
  wanted.forEach((_, index) => offsets.push(index === 0 ? 0 : (offsets[index - 1] ?? 0) + (gaps[index - 1] ?? 0)));
  const blocks: Array<{ sum: number; count: number }> = [];
  wanted.forEach((want, index) => {
    blocks.push({ sum: want - (offsets[index] ?? 0), count: 1 });
    for (;;) {
      const last = blocks[blocks.length - 1];
      const before = blocks[blocks.length - 2];
      if (!last || !before || before.sum / before.count <= last.sum / last.count) break;
      before.sum += last.sum;
      before.count += last.count;
      blocks.pop();
    }
  });
  const levels = blocks.flatMap(({ sum, count }) => Array.from({ length: count }, () => sum / count));
  return levels.map((level, index) => level + (offsets[index] ?? 0));
}
