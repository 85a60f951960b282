// Camera and size survive everything that Python changes: `Plotly.react` under a constant `uirevision`.

const CONFIG = { displayModeBar: false, displaylogo: false, responsive: false, scrollZoom: true };

// Cameras by scene outlive the element, so that leaving a page and coming back finds the view as it was.
const cameras = (window.gramCameras ??= new Map());

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

function heightFor(plot, wanted) {
  return Math.max(260, Math.min(wanted, Math.round(plot.clientWidth * 0.9), Math.round(window.innerHeight * 0.78)));
}

function parse(data, plot) {
  const figure = JSON.parse(data.figure);
  const scene = (figure.layout.scene ??= {});
  scene.uirevision = figure.layout.uirevision = "kept";
  scene.dragmode ??= "turntable";
  figure.layout.width = plot.clientWidth;
  figure.layout.height = heightFor(plot, data.height);
  declutter(figure);
  return figure;
}

// On a phone the sizes would lie on each other; the page has them in numbers.
function declutter(figure) {
  for (const trace of figure.data) if (trace.meta === "sizes") trace.visible = figure.layout.width >= 480;
}

// A picture taller than wide would cut off the sides: step back until it shows as much as a wide one.
function fit(camera, layout) {
  if (!camera?.eye) return camera;
  const step = Math.max(1, (1.4 * layout.height) / layout.width);
  const { x, y, z } = camera.eye;
  return { ...camera, eye: { x: x * step, y: y * step, z: z * step } };
}

async function draw(root) {
  const { data, plot } = root;
  const Plotly = await plotly(data.plotly);
  if (root.data !== data || !plot.isConnected) return;
  const figure = parse(data, plot);
  root.start = structuredClone(figure.layout.scene.camera);
  figure.layout.scene.camera = fit(root.start, figure.layout);
  if (!plot.on) {
    const kept = cameras.get(data.scene);
    if (kept) figure.layout.scene.camera = kept;
    await Plotly.newPlot(plot, figure.data, figure.layout, CONFIG);
    listen(root, Plotly);
  } else {
    await Plotly.react(plot, figure.data, figure.layout, CONFIG);
  }
  plot.dataset.drawn = String(Number(plot.dataset.drawn ?? 0) + 1);
}

function listen(root, Plotly) {
  const { plot } = root;
  let settling = false;
  // plotly lets the view coast on for a frame after it has noted the camera; set it to what was noted, or the next
  // figure would jump back.
  plot.on("plotly_relayout", async () => {
    cameras.set(root.data.scene, plot.layout.scene.camera);
    if (settling) return;
    settling = true;
    await Plotly.relayout(plot, { "scene.camera": plot.layout.scene.camera });
    settling = false;
  });
  plot.on("plotly_click", (event) => {
    const { customdata } = event.points[0];
    if (customdata !== undefined) root.send("click", { customdata });
  });
  root.sizes = new ResizeObserver(() => {
    const width = plot.clientWidth;
    const height = heightFor(plot, root.data.height);
    plot.style.minHeight = `${height}px`;
    if (width && (width !== plot.layout.width || height !== plot.layout.height)) {
      Plotly.relayout(plot, { width, height });
    }
  });
  root.sizes.observe(root);
}

// The page scrolls past the picture until someone clicks into it; from then on the wheel zooms.
function tameWheel(plot) {
  let inside = false;
  plot.addEventListener("pointerdown", () => (inside = true));
  plot.addEventListener("pointerleave", () => (inside = false));
  plot.addEventListener("wheel", (event) => inside || event.ctrlKey || event.stopPropagation(), { capture: true });
}

function save(name, url) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

// One file that needs no network: plotly.js, and the figure as it is seen now.
async function page(root) {
  const { plot, data } = root;
  const library = await (await fetch(data.plotly)).text();
  const layout = { ...plot.layout, width: undefined, height: undefined, autosize: true, paper_bgcolor: ground(root) };
  const body = JSON.stringify({ data: plot.data, layout }, (_, value) =>
    ArrayBuffer.isView(value) ? Array.from(value) : value,
  ).replaceAll("<", "\\u003c");
  return `<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${data.filename}</title><style>html, body, #figure { height: 100%; margin: 0 }</style><div id="figure"></div>
<script>${library}</script><script>const figure = ${body};
Plotly.newPlot("figure", figure.data, figure.layout, { responsive: true });</script>`;
}

function ground(root) {
  return getComputedStyle(root).getPropertyValue("--st-background-color").trim() || "#ffffff";
}

const ACTIONS = {
  async reset(root, Plotly) {
    cameras.delete(root.data.scene);
    await Plotly.relayout(root.plot, { "scene.camera": fit(root.start, root.plot.layout) });
  },
  async png(root, Plotly) {
    save(`${root.data.filename}.png`, await image(root, Plotly, "png"));
  },
  async svg(root, Plotly) {
    save(`${root.data.filename}.svg`, await image(root, Plotly, "svg"));
  },
  async html(root) {
    const url = URL.createObjectURL(new Blob([await page(root)], { type: "text/html" }));
    save(`${root.data.filename}.html`, url);
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  },
};

function image(root, Plotly, format) {
  const { width, height } = root.plot.layout;
  const layout = { ...root.plot.layout, paper_bgcolor: ground(root) };
  return Plotly.toImage({ data: root.plot.data, layout, config: CONFIG }, { format, width, height, scale: 2 });
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".scene3d");
  root.send = setTriggerValue;
  if (!root.plot) {
    root.plot = root.querySelector(".scene3d-plot");
    tameWheel(root.plot);
    root.addEventListener("click", async (event) => {
      const action = ACTIONS[event.target.closest("button")?.dataset.do];
      if (action) await action(root, await plotly(root.data.plotly));
    });
  }
  root.plot.setAttribute("aria-label", data.description);
  root.plot.style.minHeight = `${heightFor(root.plot, data.height)}px`; // so that nothing below jumps when it is drawn
  if (root.data?.figure !== data.figure || root.data?.height !== data.height) {
    root.data = data;
    draw(root).catch((error) => {
      root.plot.textContent = `The picture cannot be drawn: ${error.message}`;
      root.plot.classList.add("scene3d-failed");
    });
  } else {
    root.data = data;
  }
  if (data.reveal && root.revealed !== data.reveal) root.scrollIntoView({ behavior: "smooth", block: "center" });
  root.revealed = data.reveal;
  return () => {
    root.sizes?.disconnect();
    window.Plotly?.purge(root.plot);
    root.data = undefined;
  };
}
