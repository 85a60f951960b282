// Bodies drawn as SVG, seen from afar: parallel lines stay parallel, and lengths across the line of sight are exact.
import { baseAndHeight, dot, length, pairs, plus, scaled, unit } from "./gram.js";

const SVG = "http://www.w3.org/2000/svg";
const DEGREE = Math.PI / 180;
const START = { azimuth: -58 * DEGREE, elevation: 25 * DEGREE };
const ARC = 0.24; // radius of an angle's arc, in units of length
const MARK = 0.08; // side of the right-angle mark

export function element(name, attributes = {}, parent = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent?.append(made);
  return made;
}

const put = (node, attributes) => {
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
};

// Corner b of the body is the sum of the vectors whose bit is set in b.
export const corners = (vectors) =>
  Array.from({ length: 1 << vectors.length }, (_, bits) =>
    vectors.reduce((sum, vector, i) => ((bits >> i) & 1 ? plus(sum, vector) : sum), vectors[0].map(() => 0)),
  );

// Edges as [corner, corner, vector]; faces as four corners going round.
function edges(k) {
  const found = [];
  for (let bits = 0; bits < 1 << k; bits += 1) {
    for (let i = 0; i < k; i += 1) if (!((bits >> i) & 1)) found.push([bits, bits | (1 << i), i]);
  }
  return found;
}

function faces(k) {
  const found = [];
  for (let i = 0; i < k; i += 1) {
    for (let j = i + 1; j < k; j += 1) {
      for (let bits = 0; bits < 1 << k; bits += 1) {
        if ((bits >> i) & 1 || (bits >> j) & 1) continue;
        found.push([bits, bits | (1 << i), bits | (1 << i) | (1 << j), bits | (1 << j)]);
      }
    }
  }
  return found;
}

// A view that a drag turns about the vertical and tilts; everything drawn in one scene shares it.
export class Scene {
  // `onTurn` is called after the view has changed, to draw anew.
  constructor(host, { label, onTurn }) {
    this.svg = element("svg", { role: "group", "aria-label": label, class: "gram-scene" });
    host.append(this.svg);
    this.view = { ...START };
    this.onTurn = onTurn;
    this.layers = {};
    for (const name of ["ground", "solid", "lines", "texts", "tips"]) this.layers[name] = element("g", {}, this.svg);
    this.turnByPointer();
    this.observer = new ResizeObserver(() => this.measure() && onTurn());
    this.observer.observe(host);
    this.host = host;
    this.measure();
  }

  measure() {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (!width || (width === this.width && height === this.height)) return false;
    Object.assign(this, { width, height });
    put(this.svg, { viewBox: `0 0 ${width} ${height}`, width, height });
    return true;
  }

  dispose() {
    this.observer.disconnect();
    this.svg.remove();
  }

  // Put `middle`, a point of space, into the middle of the picture, and show so many units of length around it.
  aim(middle, across, up = across) {
    this.middle = middle;
    this.scale = Math.min(this.width / (2 * across), this.height / (2 * up));
  }

  axes() {
    const { azimuth: a, elevation: e } = this.view;
    return {
      right: [-Math.sin(a), Math.cos(a), 0],
      up: [-Math.sin(e) * Math.cos(a), -Math.sin(e) * Math.sin(a), Math.cos(e)],
      toward: [Math.cos(e) * Math.cos(a), Math.cos(e) * Math.sin(a), Math.sin(e)],
    };
  }

  // A point of space in pixels; `shift` moves it on the screen, in units of length.
  at(point, [right, up] = [0, 0]) {
    const { right: r, up: u } = this.frame;
    const moved = plus(point, this.middle, -1);
    return [
      this.width / 2 + (dot(moved, r) + right) * this.scale,
      this.height / 2 - (dot(moved, u) + up) * this.scale,
    ];
  }

  // Where a pixel of the window is, in units of length to the right of and above the origin.
  pointed({ clientX, clientY }) {
    const box = this.svg.getBoundingClientRect();
    const { right, up } = this.axes();
    return [
      (clientX - box.left - this.width / 2) / this.scale + dot(this.middle, right),
      (this.height / 2 - (clientY - box.top)) / this.scale + dot(this.middle, up),
    ];
  }

  begin() {
    this.frame = this.axes();
  }

  turn(byAzimuth, byElevation) {
    this.view.azimuth -= byAzimuth;
    this.view.elevation = Math.max(-89 * DEGREE, Math.min(89 * DEGREE, this.view.elevation + byElevation));
    this.onTurn();
  }

  reset() {
    this.view = { ...START };
    this.onTurn();
  }

  turnByPointer() {
    let last = null;
    this.svg.addEventListener("pointerdown", (event) => {
      if (event.target.closest(".tip") || event.button > 0) return;
      last = [event.clientX, event.clientY];
      this.svg.setPointerCapture(event.pointerId);
    });
    this.svg.addEventListener("pointermove", (event) => {
      if (!last) return;
      this.turn((event.clientX - last[0]) * 0.009, (event.clientY - last[1]) * 0.009);
      last = [event.clientX, event.clientY];
    });
    for (const kind of ["pointerup", "pointercancel"]) this.svg.addEventListener(kind, () => (last = null));
  }
}

// One body in a scene: its parts are made once and moved with every frame.
export class Body {
  // `look`: names, colours, title, matched, and which parts to draw: solid, arcs, height, sizes.
  constructor(scene, look) {
    Object.assign(this, { scene, look, k: look.names.length });
    const { ground, solid, lines, texts } = scene.layers;
    const part = (name, parent, attributes = {}) => element(name, attributes, parent);
    this.groups = [ground, solid, lines, texts].map((layer) => part("g", layer, { class: look.matched ? "" : "mismatch" }));
    const [under, fill, line, text] = this.groups;
    this.faces = look.solid ? faces(this.k).map((face) => [face, part("polygon", fill, { class: "face" })]) : [];
    this.base = look.solid && this.k === 3 ? part("polygon", under, { class: "base" }) : null;
    this.edges = edges(this.k).map((edge) => [edge, part("line", line, { class: "edge" })]);
    if (look.tinted) for (const [edge, node] of this.edges) put(node, { style: `--colour:${look.colours[edge[2]]}` });
    this.drop = look.height ? part("path", line, { class: "height" }) : null;
    this.arcs = look.arcs
      ? pairs(look.names).map((pair) => [pair, part("path", line, { class: "arc" }), part("text", text, { class: "angle" })])
      : [];
    this.arrows = look.names.map((_, i) => part("path", line, { class: "arrow", style: `--colour:${look.colours[i]}` }));
    this.names = look.names.map((name, i) => {
      const node = part("text", text, { class: "label", style: `--colour:${look.colours[i]}` });
      node.textContent = name;
      return node;
    });
    this.title = look.title ? part("text", text, { class: "title" }) : null;
    if (this.title) this.title.textContent = look.title;
    this.heightLabel = look.sizes ? part("text", text, { class: "size" }) : null;
  }

  remove() {
    for (const group of this.groups) group.remove();
  }

  // Draw at these vectors (k rows of 3), with the origin shifted on the screen.
  draw(vectors, { shift = [0, 0], write = null } = {}) {
    const { scene } = this;
    const points = corners(vectors);
    const seen = points.map((point) => scene.at(point, shift));
    const depth = points.map((point) => dot(point, scene.frame.toward));
    const far = depth.indexOf(Math.min(...depth));
    const path = (list) => list.map((corner) => seen[corner].map((x) => x.toFixed(2)).join(",")).join(" ");
    for (const [face, node] of this.faces) put(node, { points: path(face) });
    if (this.base) put(this.base, { points: path([0, 2, 6, 4]) });
    for (const [[from, to], node] of this.edges) {
      const [[x1, y1], [x2, y2]] = [seen[from], seen[to]];
      const hidden = this.k === 3 && (from === far || to === far);
      put(node, { x1: x1.toFixed(2), y1: y1.toFixed(2), x2: x2.toFixed(2), y2: y2.toFixed(2), "data-hidden": hidden });
    }
    const origin = scene.at(vectors[0].map(() => 0), shift);
    vectors.forEach((vector, i) => this.drawArrow(i, origin, scene.at(vector, shift)));
    for (const [pair, arc, text] of this.arcs) this.drawArc(vectors, pair, arc, text, shift);
    if (this.drop) this.drawHeight(vectors, shift, write);
    if (this.title) this.drawTitle(seen);
  }

  drawArrow(place, [x0, y0], [x1, y1]) {
    const long = Math.hypot(x1 - x0, y1 - y0) || 1;
    const [dx, dy] = [(x1 - x0) / long, (y1 - y0) / long];
    const head = Math.min(13, 0.5 * long);
    const [bx, by] = [x1 - head * dx, y1 - head * dy];
    const side = 0.42 * head;
    const corner = (s) => `${(bx - s * side * dy).toFixed(2)},${(by + s * side * dx).toFixed(2)}`;
    const [bX, bY, tip] = [bx.toFixed(2), by.toFixed(2), `${x1.toFixed(2)},${y1.toFixed(2)}`];
    put(this.arrows[place], { d: `M${x0.toFixed(2)},${y0.toFixed(2)}L${bX},${bY}M${corner(1)}L${tip}L${corner(-1)}Z` });
    const [out, edge] = [24, 30];
    const x = Math.max(edge, Math.min(this.scene.width - edge, x1 + out * dx));
    put(this.names[place], { x: x.toFixed(1), y: (y1 + out * dy + 4).toFixed(1) });
  }

  drawArc(vectors, [i, j], node, text, shift) {
    const [a, b] = [unit(vectors[i]), unit(vectors[j])];
    const angle = Math.acos(Math.max(-1, Math.min(1, dot(a, b))));
    const across = unit(plus(b, a, -dot(a, b)));
    const point = (share, radius) =>
      scaled(plus(scaled(a, Math.cos(share * angle)), across, Math.sin(share * angle)), radius);
    const along = Array.from({ length: 13 }, (_, step) => this.scene.at(point(step / 12, ARC), shift));
    put(node, { d: `M${along.map((xy) => xy.map((x) => x.toFixed(2)).join(",")).join("L")}` });
    const [x, y] = this.scene.at(point(0.5, ARC + 0.13), shift);
    put(text, { x: x.toFixed(1), y: (y + 4).toFixed(1), visibility: angle < 0.12 ? "hidden" : "visible" });
    text.textContent = `${Math.round(angle / DEGREE)}°`;
  }

  drawHeight(vectors, shift, write) {
    const { foot, height } = baseAndHeight(vectors);
    const [tip] = vectors;
    const at = (point) => this.scene.at(point, shift).map((x) => x.toFixed(2)).join(",");
    let d = `M${at(tip)}L${at(foot)}M${at(tip.map(() => 0))}L${at(foot)}`;
    if (length(foot) > 2 * MARK && height > 2 * MARK) {
      const [inward, up] = [scaled(unit(foot), -MARK), scaled(unit(plus(tip, foot, -1)), MARK)];
      d += `M${at(plus(foot, inward))}L${at(plus(plus(foot, inward), up))}L${at(plus(foot, up))}`;
    }
    put(this.drop, { d });
    if (this.heightLabel && write) {
      const [x, y] = this.scene.at(scaled(plus(tip, foot), 0.5), shift);
      put(this.heightLabel, { x: (x + 8).toFixed(1), y: (y + 4).toFixed(1), visibility: height < 0.15 ? "hidden" : "visible" });
      this.heightLabel.textContent = `height ${write(height)}`;
    }
  }

  drawTitle(seen) {
    const [xs, ys] = [seen.map(([x]) => x), seen.map(([, y]) => y)];
    const x = (Math.min(...xs) + Math.max(...xs)) / 2;
    put(this.title, { x: x.toFixed(1), y: Math.max(16, Math.min(...ys) - 26).toFixed(1) });
  }
}

// Draw at most once a frame, with the newest state.
export function oncePerFrame(draw) {
  let asked = 0;
  return () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      draw();
    });
  };
}

export const stillness = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
