/** Textures on a canvas: opaque, so that layers may lie on each other. */

import { colour } from "../lib/theme.ts";
import type { Texture } from "./bars.ts";

const SIDE = 6;

/** Return what a canvas fills with for `texture` in the colour of `token`, over the colour of panels. */
export function textureOf(context: CanvasRenderingContext2D, texture: Texture, token: string): CanvasPattern | string {
  const ink = colour(token);
  if (texture === "solid") return ink;
  const side = SIDE * devicePixelRatio;
  const tile = document.createElement("canvas");
  tile.width = tile.height = side;
  const drawing = tile.getContext("2d");
  if (!drawing) return ink;
  drawing.fillStyle = colour("--surface");
  drawing.fillRect(0, 0, side, side);
  drawing.fillStyle = drawing.strokeStyle = ink;
  drawing.globalAlpha = texture === "weak" ? 0.34 : texture === "cross" ? 1 : 0.28;
  drawing.fillRect(0, 0, side, side);
  drawing.globalAlpha = 1;
  if (texture === "cross") {
    drawing.strokeStyle = colour("--surface");
    stripe(drawing, side);
    drawing.transform(-1, 0, 0, 1, side, 0);
    stripe(drawing, side);
  } else if (texture === "stripes") {
    stripe(drawing, side, 1.8);
  } else if (texture === "dots") {
    drawing.fillRect(side / 3, side / 3, side / 3, side / 3);
  }
  return context.createPattern(tile, "repeat") ?? ink;
}

/** A diagonal that meets itself where tiles meet. */
function stripe(drawing: CanvasRenderingContext2D, side: number, width = 1): void {
  drawing.lineWidth = width * devicePixelRatio;
  drawing.beginPath();
  for (const shift of [-side, 0, side]) {
    drawing.moveTo(shift - 1, side + 1);
    drawing.lineTo(shift + side + 1, -1);
  }
  drawing.stroke();
}
