/**
 * The colours of a heat map: even steps of perceived lightness from few to many, from yellow over green to blue, so
 * that they keep their order for eyes that see no red or no green, and in grey. None is grey: that says UNKNOWN.
 *
 * Reckoned in OKLab (B. Ottosson, "A perceptual color space for image processing", 2020).
 */

type Triple = readonly [number, number, number];

/** Lightness, green to red, blue to yellow. Few stands near the panel's colour, many farthest from it. */
const STOPS: Record<"light" | "dark", readonly [Triple, Triple, Triple]> = {
  light: [[0.93, -0.03, 0.1], [0.615, -0.13, -0.01], [0.3, 0.02, -0.14]],
  dark: [[0.34, 0.01, -0.12], [0.64, -0.14, 0.01], [0.94, -0.03, 0.13]],
};

/** Return `count` colours (`rgb(r g b)`), from few to many. */
export function heatColours(isDark: boolean, count = 40): string[] {
  const [few, between, many] = STOPS[isDark ? "dark" : "light"];
  return Array.from({ length: count }, (_, index) => {
    const share = count === 1 ? 1 : index / (count - 1);
    const [start, middle, end] = [(1 - share) ** 2, 2 * share * (1 - share), share ** 2]; // a curve without a corner
    const mixed = few.map((from, axis) => start * from + middle * (between[axis] ?? 0) + end * (many[axis] ?? 0));
    const [red, green, blue] = srgbOf([mixed[0] ?? 0, mixed[1] ?? 0, mixed[2] ?? 0]);
    return `rgb(${red} ${green} ${blue})`;
  });
}

/** Return which of `colours` shades stands for `count`: the first for 1, the last for `most`; -1 for none. */
export function shadeOf(count: number, most: number, colours: number): number {
  if (count <= 0) return -1;
  if (most <= 1) return colours - 1;
  const share = Math.sqrt(Math.min(1, Math.max(0, (count - 1) / (most - 1)))); // few are told apart better than many
  return Math.round(share * (colours - 1));
}

/** Return 8-bit sRGB of an OKLab colour; what no screen can show is brought to the nearest edge. */
export function srgbOf([lightness, a, b]: Triple): [number, number, number] {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    encoded(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    encoded(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    encoded(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

function encoded(linear: number): number {
  const value = linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055;
  return Math.round(255 * Math.min(1, Math.max(0, value)));
}
