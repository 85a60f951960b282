// What the components that draw with plotly share: the wheel, and saving a picture.

import { plotly } from "./load.js";
import { hurry } from "./turns.js";

// The page scrolls past the picture until someone presses into it; from then on the wheel zooms.
export function tameWheel(plot) {
  let inside = false;
  plot.addEventListener("pointerdown", () => (inside = true));
  plot.addEventListener("pointerleave", () => (inside = false));
  plot.addEventListener("wheel", (event) => inside || event.ctrlKey || event.stopPropagation(), { capture: true });
}

// What is on the screen, on the page's ground instead of none.
function seen(root) {
  const ground = getComputedStyle(root).getPropertyValue("--st-background-color").trim() || "#ffffff";
  return { data: root.plot.data, layout: { ...root.plot.layout, paper_bgcolor: ground } };
}

// One file that needs no network: plotly's script and the figure.
async function page(root) {
  const library = (await (await fetch(root.data.plotly)).text()).replaceAll("</script", "<\\/script");
  const figure = seen(root);
  Object.assign(figure.layout, { width: undefined, height: undefined, autosize: true });
  const plain = (_, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
  return `<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${root.data.filename}</title><style>html, body, #figure { height: 100%; margin: 0 }</style><div id="figure"></div>
<script>${library}</script><script>const figure = ${JSON.stringify(figure, plain).replaceAll("<", "\\u003c")};
Plotly.newPlot("figure", figure.data, figure.layout, { responsive: true });</script>`;
}

// Save the picture as png, svg or html; `root.drawing` is the promise of its last drawing.
export async function save(root, kind) {
  const Plotly = await plotly(root.data.plotly);
  hurry(root.plot);
  await root.drawing;
  const { width, height } = root.plot.layout;
  const link = document.createElement("a");
  link.download = `${root.data.filename}.${kind}`;
  link.href =
    kind === "html"
      ? URL.createObjectURL(new Blob([await page(root)], { type: "text/html" }))
      : await Plotly.toImage(seen(root), { format: kind, width, height, scale: kind === "png" ? 2 : 1 });
  link.click();
  if (kind === "html") setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function fail(root, error) {
  root.plot.textContent = `The picture cannot be drawn: ${error.message}`;
}
