"""The console in the test browser: how soon it is painted, how long a large chart takes: ``python -m bench.console``.

A month of hours of 20 series is drawn by the console's own chart, bundled for it alone; beside it, in the same page,
a loop of plain arithmetic is timed, and the ratio of both is what carries over to another machine. The first paint is
measured on the running local cloud (`make run`), signed in, with an empty cache; without one it is left out.
"""

import argparse
import statistics
import subprocess
import tempfile
import urllib.error
from contextlib import suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from local.browser import console_packages, launch
from local.screenshots import DESKTOP, PATIENCE_MS, settled, sign_in
from local.site import SOURCES, node
from local.state import TOOLS, StateDir
from local.steps.http import get_json

SERIES, POINTS, ROUNDS = 20, 31 * 24, 15
ORIGIN = "https://console.example"  # nothing answers there: files are handed over by the driver
DRAW_BUDGET_MS, PAINT_BUDGET_MS = 200.0, 1_000.0
PAGE = """<!doctype html><html data-theme="light"><head><link rel="stylesheet" href="bench.css"></head>
<body><div id="app"></div><script type="module" src="bench.js"></script></body></html>"""
ENTRY = """
import { render } from "preact";
import { Chart } from "./src/charts/chart.tsx";
import "./src/styles/tokens.css";
import "./src/styles/base.css";

const grid = { from: Date.UTC(2026, 9, 21), stepS: 3600, points: POINTS };
const value = (one, at) => 100 + 9 * one + 40 * Math.sin(at / 3.8) + ((at * 7919 * (one + 1)) % 17);
const series = Array.from({ length: SERIES }, (_, one) => ({
  label: `service ${one}`,
  colour: `--series-${(one % 8) + 1}`,
  values: Array.from({ length: POINTS }, (_, at) => value(one, at)),
}));
const root = document.getElementById("app");
const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));

window.draw = async () => {
  render(null, root);
  await frame();
  performance.clearMeasures("chart");
  render(<Chart title="A month" grid={grid} series={series} unit="ms" />, root);
  while (performance.getEntriesByName("chart", "measure").length === 0) await frame();
  const { duration } = performance.getEntriesByName("chart", "measure")[0];
  const begin = performance.now();
  root.querySelector("canvas").getContext("2d").getImageData(0, 0, 1, 1);  // waits until it is on the canvas
  return duration + performance.now() - begin;
};
window.reference = () => {
  const begin = performance.now();
  let sum = 0;
  for (let at = 0; at < 2e7; at += 1) sum = (sum + at * 3) % 1_000_003;
  return [performance.now() - begin, sum][0];
};
"""


def bundle(folder: Path) -> None:
    """Write the page that draws the chart, with its script and style, into ``folder``."""
    console_packages()
    entry = ENTRY.replace("SERIES", str(SERIES)).replace("POINTS", str(POINTS))
    options = ["--bundle", "--minify", "--format=esm", "--loader=tsx", "--jsx=automatic", "--jsx-import-source=preact"]
    command = [node(), SOURCES / "node_modules" / "esbuild" / "bin" / "esbuild", *options]
    subprocess.run(
        [str(part) for part in (*command, f"--outfile={folder / 'bench.js'}")],
        cwd=SOURCES,
        input=entry,
        text=True,
        check=True,
        capture_output=True,
    )
    (folder / "index.html").write_text(PAGE)


def drawings(browser: Browser) -> tuple[list[float], list[float]]:
    """Return how many ms each drawing took, and each run of the reference loop between them."""
    with tempfile.TemporaryDirectory() as place:
        bundle(Path(place))
        context = browser.new_context(viewport=DESKTOP, locale="en-GB", timezone_id="UTC")  # type: ignore[arg-type]
        page = context.new_page()
        page.route(
            f"{ORIGIN}/**", lambda route: route.fulfill(path=Path(place) / (route.request.url[len(ORIGIN) + 1 :]))
        )
        page.goto(f"{ORIGIN}/index.html")
        page.wait_for_function("() => window.draw")
        page.evaluate("draw()")  # the first one compiles
        taken: list[Any] = [page.evaluate("async () => [await draw(), reference()]") for _ in range(ROUNDS)]
        context.close()
    return [draw for draw, _ in taken], [loop for _, loop in taken]


def first_paints(browser: Browser, stack: dict[str, Any]) -> list[float]:
    """Return after how many ms the deployed overview was painted, each time with an empty cache."""
    taken = []
    for _ in range(ROUNDS // 3):
        context = browser.new_context(viewport=DESKTOP, locale="en-GB")  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        page = sign_in(context, stack["api_url"], stack["read_key"])
        context.new_cdp_session(page).send("Network.clearBrowserCache")
        page.reload()
        taken.append(painted_ms(settled(page)))
        context.close()
    return taken


def painted_ms(page: Page) -> float:
    """Return when the first content of ``page`` was painted, in ms after it was asked for."""
    found: float = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    return found


def cloud(state_dir: Path) -> dict[str, Any]:
    """Return what is known of the running local cloud; nothing where none answers."""
    stack = StateDir(state_dir).read("stack")
    with suppress(urllib.error.URLError, OSError, KeyError):
        get_json(f"{stack['api_url']}/health/live")
        return stack
    return {}


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--state-dir", type=Path, default=TOOLS)
    stack = cloud(parser.parse_known_args()[0].state_dir)
    with sync_playwright() as playwright, launch(playwright) as browser:
        draws, loops = drawings(browser)
        print("| what | median, ms | slowest, ms | mark, ms | ratio to the reference loop |")
        print("| --- | ---: | ---: | ---: | ---: |")
        median, loop = statistics.median(draws), statistics.median(loops)
        chart = f"{SERIES} series of {POINTS} hours drawn"
        print(f"| {chart} | {median:.1f} | {max(draws):.1f} | {DRAW_BUDGET_MS:.0f} | {median / loop:.2f} |")
        print(f"| the reference loop | {loop:.1f} | {max(loops):.1f} | | 1.00 |")
        if not stack:
            print("\nThe first paint is not measured: no local cloud answers (`make run` starts one).")
            return
        paints = first_paints(browser, stack)
        paint = statistics.median(paints)
        times = f"{paint:.0f} | {max(paints):.0f} | {PAINT_BUDGET_MS:.0f} | {paint / loop:.2f}"
        print(f"| first paint, local cloud | {times} |")


if __name__ == "__main__":
    main()
