// Camera and size survive everything that Python changes: `Plotly.react` under a constant `uirevision`.

import { putAside, takeUp } from "./kept.js";
import { plotly } from "./load.js";
import { fail, save, tameWheel } from "./plotly.js";
import { turn } from "./turns.js";

const CONFIG = { displayModeBar: false, displaylogo: false, responsive: false, scrollZoom: true };

// Cameras by scene outlive the element, so that leaving a page and coming back finds the view as it was.
const cameras = (window.gramCameras ??= new Map());

// Pictures by scene outlive it too.
const pictures = (window.gramPictures ??= new Map());
const MOST_PICTURES = 4;

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
  const { scene, width } = figure.layout;
  for (const label of scene.annotations ?? []) if (label.name === "sizes") label.visible = width >= 480;
}

// A picture taller than wide would cut off the sides: step back until it shows as much as a wide one.
function fit(camera, layout) {
  if (!camera?.eye) return camera;
  const step = Math.max(1, (1.4 * layout.height) / layout.width);
  const { x, y, z } = camera.eye;
  return { ...camera, eye: { x: x * step, y: y * step, z: z * step } };
}

const fits = ({ layout }, { width, height }) => layout.width === width && layout.height === height;

async function draw(root) {
  const call = (root.calls = (root.calls ?? 0) + 1);
  const { plot } = root;
  const Plotly = await plotly(root.data.plotly);
  await turn(plot);
  if (root.calls !== call || !plot.isConnected) return;
  const { data } = root;
  const figure = parse(data, plot);
  root.start = structuredClone(figure.layout.scene.camera);
  figure.layout.scene.camera = fit(root.start, figure.layout);
  if (!plot.on) {
    const kept = cameras.get(data.scene);
    if (kept) figure.layout.scene.camera = kept;
    await Plotly.newPlot(plot, figure.data, figure.layout, CONFIG);
    listen(plot, Plotly);
  } else if (plot.figure !== data.figure || !fits(plot, figure.layout)) {
    await Plotly.react(plot, figure.data, figure.layout, CONFIG);
  }
  plot.figure = data.figure;
  watch(root, Plotly);
  plot.dataset.drawn = String(Number(plot.dataset.drawn ?? 0) + 1);
}

// `plot.owner` is the element that the picture is in.
function listen(plot, Plotly) {
  let settling = false;
  // plotly lets the view coast on for a frame after it has noted the camera; set it to what was noted, or the next
  // figure would jump back. Once a figure was replaced, `plot.layout` has the camera of before; the event has its own.
  plot.on("plotly_relayout", async (event) => {
    const camera = event["scene.camera"];
    if (!camera) return;
    cameras.set(plot.owner.data.scene, camera);
    if (settling) return;
    settling = true;
    try {
      await Plotly.relayout(plot, { "scene.camera": camera });
    } finally {
      settling = false;
    }
  });
  plot.on("plotly_click", (event) => {
    const { customdata } = event.points[0];
    if (customdata !== undefined) plot.owner.send("click", { customdata });
  });
}

function watch(root, Plotly) {
  if (root.sizes) return;
  const { plot } = root;
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

async function reset(root) {
  const Plotly = await plotly(root.data.plotly);
  cameras.delete(root.data.scene);
  await Plotly.relayout(root.plot, { "scene.camera": fit(root.start, root.plot.layout) });
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".scene3d");
  root.send = setTriggerValue;
  if (!root.plot) {
    root.plot = root.querySelector(".scene3d-plot");
    takeUp(root, data.scene, pictures);
    if (!root.plot.owner) tameWheel(root.plot);
    root.plot.owner = root;
    root.addEventListener("click", ({ target }) => {
      const kind = target.closest("button")?.dataset.do;
      if (kind) (kind === "reset" ? reset(root) : save(root, kind)).catch((error) => fail(root, error));
    });
  }
  root.plot.setAttribute("aria-label", data.description);
  root.plot.style.minHeight = `${heightFor(root.plot, data.height)}px`; // so that nothing below jumps when it is drawn
  root.dataset.sized = "";
  const isNew = root.data?.figure !== data.figure || root.data?.height !== data.height;
  root.data = data;
  if (isNew) root.drawing = draw(root).catch((error) => fail(root, error));
  if (data.reveal && root.revealed !== data.reveal) root.scrollIntoView({ behavior: "smooth", block: "center" });
  root.revealed = data.reveal;
  return () => {
    root.sizes?.disconnect();
    root.sizes = undefined;
    putAside(root.plot, data.scene, pictures, MOST_PICTURES);
    root.calls += 1; // what waits to be drawn waits no more
    root.data = undefined;
  };
}
