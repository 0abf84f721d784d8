/** What people take with them: texts and pictures, saved or on the clipboard. */

import { colour } from "./theme.ts";

/** Save a text as a file. */
export function saveText(name: string, type: string, text: string): void {
  save(name, new Blob([text], { type }));
}

/** Save the picture of a canvas as PNG with its title above, or copy it where no `name` is given. */
export function savePicture(canvas: HTMLCanvasElement | null, title: string, name = ""): void {
  if (!canvas) return;
  const ratio = window.devicePixelRatio;
  const head = 34 * ratio;
  const whole = document.createElement("canvas");
  whole.width = canvas.width;
  whole.height = canvas.height + head;
  const context = whole.getContext("2d");
  if (!context) return;
  context.fillStyle = colour("--surface");
  context.fillRect(0, 0, whole.width, whole.height);
  context.fillStyle = colour("--text");
  context.font = `600 ${14 * ratio}px ${colour("--font")}`;
  context.fillText(title, 12 * ratio, 22 * ratio);
  context.drawImage(canvas, 0, head);
  whole.toBlob((blob) => {
    if (!blob) return;
    if (name) save(name, blob);
    else void navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
  }, "image/png");
}

function save(name: string, blob: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
