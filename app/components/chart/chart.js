// Zoom and lasso survive what Python changes: `Plotly.react` under the figure's own `uirevision`.

import { putAside, takeUp } from "./kept.js";
import { plotly } from "./load.js";
import { fail, save, tameWheel } from "./plotly.js";
import { turn } from "./turns.js";

const CONFIG = {
  displaylogo: false,
  responsive: false,
};

// Pictures by name outlive the element. Those in WebGL are left out: a browser has sixteen contexts for a whole page.
const pictures = (window.gramCharts ??= new Map());
const MOST_PICTURES = 16;

// A kept picture is taken up as it was left; where it would show something else, a new one is drawn without its zoom.
function restore(root, data) {
  const kept = pictures.get(data.name);
  if (kept && (kept.figure !== data.figure || kept.high !== data.height)) {
    pictures.delete(data.name);
    window.Plotly.purge(kept);
  }
  if (!takeUp(root, data.name, pictures)) return false;
  root.data = data;
  root.plot.owner = root;
  watch(root);
  return true;
}

function leave(root, name) {
  const { plot } = root;
  if (plot.on) window.Plotly.Fx.unhover(plot);
  if (plot.querySelector("canvas") || plot.dataset.late !== undefined) window.Plotly?.purge(plot);
  else putAside(plot, name, pictures, MOST_PICTURES);
}

const first = (value) => (Array.isArray(value) || ArrayBuffer.isView(value) ? value[0] : value);

// Not higher than wide, so that on a phone the page goes on below the picture; but for one that may be tall.
function size(plot, { height, tall }) {
  const width = plot.clientWidth;
  return { width, height: tall ? height : Math.max(280, Math.min(height, Math.round(width * 1.05))) };
}

// Room for the picture before there is one, so that nothing below it jumps.
function reserve(plot, data) {
  plot.style.minHeight = `${size(plot, data).height}px`;
  plot.dataset.sized = "";
}

async function draw(root) {
  const call = (root.calls = (root.calls ?? 0) + 1);
  const { plot } = root;
  const Plotly = await plotly(root.data.plotly);
  await turn(plot);
  if (root.calls !== call || !plot.isConnected) return;
  const { data } = root;
  const figure = JSON.parse(data.figure);
  Object.assign(figure.layout, size(plot, data));
  const isFirst = !plot.on;
  await Plotly.react(plot, figure.data, figure.layout, { ...CONFIG, modeBarButtons: [data.tools], scrollZoom: data.zoom });
  if (isFirst) listen(plot, Plotly);
  plot.figure = data.figure;
  plot.high = data.height;
  watch(root);
  plot.dataset.drawn = String(Number(plot.dataset.drawn ?? 0) + 1);
}

// `plot.owner` is the element that the picture is in.
function listen(plot, Plotly) {
  plot.on("plotly_click", ({ points }) => {
    const point = points.find((each) => each.customdata !== undefined);
    if (point) plot.owner.send("action", { kind: "click", meta: point.data.meta, points: [first(point.customdata)] });
  });
  plot.on("plotly_selected", (event) => {
    if (!event?.range && !event?.lassoPoints) return; // an outline that was taken away, by the lines below too
    const seen = event.points.map((each) => first(each.customdata)).filter((each) => each !== undefined);
    plot.owner.send("action", { kind: "select", points: [...new Set(seen)], span: event.range?.x });
    if (!plot.owner.data.keep) Plotly.update(plot, { selectedpoints: null }, { selections: [] });
  });
  plot.on("plotly_deselect", () => plot.owner.send("action", { kind: "clear" }));
}

function watch(root) {
  if (root.sizes) return;
  const { plot } = root;
  root.sizes = new ResizeObserver(() => {
    const wanted = size(plot, root.data);
    reserve(plot, root.data);
    if (wanted.width && wanted.width !== plot.layout.width) window.Plotly.relayout(plot, wanted);
  });
  root.sizes.observe(root);
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".chart");
  root.send = setTriggerValue;
  if (!root.plot) {
    root.plot = root.querySelector(".chart-plot");
    if (!restore(root, data)) tameWheel(root.plot);
    root.plot.owner = root;
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
  if (isNew) root.drawing = draw(root).catch((error) => fail(root, error));
  return () => {
    root.sizes?.disconnect();
    root.sizes = undefined;
    root.calls = (root.calls ?? 0) + 1; // what waits to be drawn waits no more
    leave(root, data.name);
    root.data = undefined;
  };
}
