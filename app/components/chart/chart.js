// Zoom and lasso survive what Python changes: `Plotly.react` under the figure's own `uirevision`.

const CONFIG = {
  displaylogo: false,
  responsive: false,
};

// One script for all components; whichever comes first loads it.
function plotly(source) {
  window.gramPlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = source;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      window.gramPlotly = undefined;
      reject(new Error(`${source} could not be loaded; reload the page`));
    };
    document.head.append(script);
  });
  return window.gramPlotly;
}

const first = (value) => (Array.isArray(value) || ArrayBuffer.isView(value) ? value[0] : value);

// Not higher than wide, so that on a phone the page goes on below the picture.
function size(plot, wanted) {
  const width = plot.clientWidth;
  return { width, height: Math.max(280, Math.min(wanted, Math.round(width * 1.05))) };
}

// Room for the picture before there is one, so that nothing below it jumps.
function reserve(plot, wanted) {
  plot.style.minHeight = `${size(plot, wanted).height}px`;
}

async function draw(root) {
  const { data, plot } = root;
  const Plotly = await plotly(data.plotly);
  if (root.data !== data || !plot.isConnected) return;
  const figure = JSON.parse(data.figure);
  Object.assign(figure.layout, size(plot, data.height));
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
    const wanted = size(plot, root.data.height);
    reserve(plot, root.data.height);
    if (wanted.width && wanted.width !== plot.layout.width) Plotly.relayout(plot, wanted);
  });
  root.sizes.observe(root);
}

// The page scrolls past the picture until someone presses into it; from then on the wheel zooms.
function tameWheel(plot) {
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

async function save(root, kind) {
  const Plotly = await plotly(root.data.plotly);
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

function fail(root, error) {
  root.plot.textContent = `The picture cannot be drawn: ${error.message}`;
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
  reserve(root.plot, data.height);
  const isNew = root.data?.figure !== data.figure || root.data?.height !== data.height;
  root.data = data;
  if (isNew) draw(root).catch((error) => fail(root, error));
  return () => {
    root.sizes?.disconnect();
    root.sizes = undefined;
    window.Plotly?.purge(root.plot);
  };
}
