// Zoom and lasso survive what Python changes: `Plotly.react` under the figure's own `uirevision`.

import { plotly } from "./load.js";
import { fail, save, tameWheel, turn } from "./plotly.js";

const CONFIG = {
  displaylogo: false,
  responsive: false,
};

const first = (value) => (Array.isArray(value) || ArrayBuffer.isView(value) ? value[0] : value);

// Not higher than wide, so that on a phone the page goes on below the picture; but for one that may be tall.
function size(plot, { height, tall }) {
  const width = plot.clientWidth;
  return { width, height: tall ? height : Math.max(280, Math.min(height, Math.round(width * 1.05))) };
}

// Room for the picture before there is one, so that nothing below it jumps.
function reserve(plot, data) {
  plot.style.minHeight = `${size(plot, data).height}px`;
}

async function draw(root) {
  const { data, plot } = root;
  const Plotly = await plotly(data.plotly);
  if (!root.sizes) await turn(plot);
  if (root.data !== data || !plot.isConnected) return;
  const figure = JSON.parse(data.figure);
  Object.assign(figure.layout, size(plot, data));
  await Plotly.react(plot, figure.data, figure.layout, { ...CONFIG, modeBarButtons: [data.tools], scrollZoom: data.zoom });
  if (!root.sizes) listen(root, Plotly);
  plot.dataset.drawn = String(Number(plot.dataset.drawn ?? 0) + 1);
}

function listen(root, Plotly) {
  const { plot } = root;
  plot.on("plotly_click", ({ points }) => {
    const point = points.find((each) => each.customdata !== undefined);
    if (point) root.send("action", { kind: "click", meta: point.data.meta, points: [first(point.customdata)] });
  });
  plot.on("plotly_selected", (event) => {
    if (!event?.range && !event?.lassoPoints) return; // an outline that was taken away, by the lines below too
    const seen = event.points.map((each) => first(each.customdata)).filter((each) => each !== undefined);
    root.send("action", { kind: "select", points: [...new Set(seen)], span: event.range?.x });
    if (!root.data.keep) Plotly.update(plot, { selectedpoints: null }, { selections: [] });
  });
  plot.on("plotly_deselect", () => root.send("action", { kind: "clear" }));
  root.sizes = new ResizeObserver(() => {
    const wanted = size(plot, root.data);
    reserve(plot, root.data);
    if (wanted.width && wanted.width !== plot.layout.width) Plotly.relayout(plot, wanted);
  });
  root.sizes.observe(root);
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".chart");
  root.send = setTriggerValue;
  if (!root.plot) {
    root.plot = root.querySelector(".chart-plot");
    tameWheel(root.plot);
    root.addEventListener("click", ({ target }) => {
      const kind = target.closest("button")?.dataset.do;
      if (kind) save(root, kind).catch((error) => fail(root, error));
    });
  }
  root.plot.setAttribute("aria-label", data.description);
  root.querySelector(".chart-hint").textContent = data.hint;
  reserve(root.plot, data);
  const isNew = root.data?.figure !== data.figure || root.data?.height !== data.height;
  root.data = data;
  if (isNew) draw(root).catch((error) => fail(root, error));
  return () => {
    root.sizes?.disconnect();
    root.sizes = undefined;
    window.Plotly?.purge(root.plot);
  };
}
