// Two or three vectors that a person moves by their tips; every number follows at once, in the browser.
import { DETERMINANTS, MEASURES, baseAndHeight, cosine, dot, gramMatrix, length, number, pairs, plus, scaled, unit } from "./gram.js";
import { Body, Scene, corners, element, oncePerFrame, stillness } from "./scene.js";

const STEP = { small: (2 * Math.PI) / 180, large: (10 * Math.PI) / 180 };
const LONGEST = 2;
const SHORTEST = 0.02;
const GLOBE = 0.75; // how much of the unit sphere the picture holds at least
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

const written = (vectors) => vectors.map((row) => row.map((x) => Number(x.toFixed(4)) + 0).join(",")).join(";");
const read = (text) => text.split(";").map((row) => row.split(",").map(Number));

class Playground {
  constructor(root) {
    this.root = root;
    this.update = oncePerFrame(() => this.draw());
    this.scene = new Scene(root.querySelector(".picture"), {
      label: "Vectors from one origin; each tip can be moved",
      onTurn: this.update,
    });
    this.globe = element("circle", { class: "globe" }, this.scene.layers.ground);
    this.plane = element("polygon", { class: "plane" }, this.scene.layers.ground);
    root.addEventListener("click", (event) => this.press(event.target.closest("button")));
    root.querySelector(".free").addEventListener("change", (event) => this.setFree(event.target.checked));
  }

  dispose() {
    this.scene.dispose();
  }

  // What Python says; an echo of what was sent from here changes nothing.
  take(data, send) {
    const renamed = this.data?.names.join() !== data.names.join();
    Object.assign(this, { data, send });
    this.root.dataset.dark = data.dark;
    const state = `${data.free}|${data.vectors}`;
    if (state !== this.known) {
      this.known = state;
      this.free = data.free;
      this.vectors = read(data.vectors).map((row) => (this.free ? row : unit(row)));
      this.spare = this.vectors[2] ?? this.spare ?? [0, 0, 1];
    }
    if (renamed || this.built !== this.vectors.length) this.build();
    this.update();
  }

  build() {
    const k = this.vectors.length;
    this.built = k;
    this.body?.remove();
    const names = this.data.names.slice(0, k);
    const colours = this.data.colours.slice(0, k);
    const look = { names, colours, matched: true, solid: true, arcs: true, height: true, sizes: true };
    this.body = new Body(this.scene, look);
    this.scene.layers.tips.replaceChildren();
    this.tips = names.map((name, place) => this.buildTip(name, colours[place], place));
    this.buildNumbers(names, colours);
  }

  buildTip(name, colour, place) {
    const tip = element("g", { class: "tip", tabindex: 0, role: "application", style: `--colour:${colour}` });
    element("circle", { class: "reach", r: 22 }, tip);
    element("circle", { class: "knob", r: 7 }, tip);
    tip.setAttribute("aria-roledescription", "vector, moved with the arrow keys");
    tip.dataset.name = name;
    this.scene.layers.tips.append(tip);
    tip.addEventListener("pointerdown", (event) => this.grab(event, tip, place));
    tip.addEventListener("keydown", (event) => this.nudge(event, place));
    return tip;
  }

  // moving

  grab(event, tip, place) {
    if (event.button > 0) return;
    event.preventDefault();
    tip.focus({ preventScroll: true });
    tip.setPointerCapture(event.pointerId);
    this.held = true;
    const { right, up, toward } = this.scene.axes();
    const start = this.vectors[place];
    const [x0, y0] = this.scene.pointed(event);
    const offset = [dot(start, right) - x0, dot(start, up) - y0];
    const depth = dot(start, toward);
    let side = depth < 0 ? -1 : 1;
    const move = (moved) => {
      const [x, y] = this.scene.pointed(moved).map((value, axis) => value + offset[axis]);
      const flat = Math.hypot(x, y);
      if (!this.free && flat >= 1) side = 1; // past the rim: from here on the tip is on the near side
      const inward = this.free ? depth : flat < 1 ? side * Math.sqrt(1 - flat * flat) : 0;
      this.move(place, plus(plus(scaled(right, x), up, y), toward, inward));
    };
    const drop = () => {
      tip.removeEventListener("pointermove", move);
      this.held = false;
      this.update();
      this.commit();
    };
    tip.addEventListener("pointermove", move);
    tip.addEventListener("lostpointercapture", drop, { once: true });
  }

  nudge(event, place) {
    const way = ARROWS[event.key];
    const longer = { "+": 1.05, "=": 1.05, "-": 1 / 1.05 }[event.key];
    if (!way && !(longer && this.free)) return;
    event.preventDefault();
    const { right, up } = this.scene.axes();
    const was = this.vectors[place];
    const step = (event.shiftKey && way ? STEP.large : STEP.small) * length(was);
    const moved = way ? plus(plus(was, right, step * way[0]), up, step * way[1]) : scaled(was, longer);
    this.move(place, way ? scaled(unit(moved), length(was)) : moved);
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.commit(), 500);
  }

  move(place, vector) {
    const size = this.free ? Math.max(SHORTEST, Math.min(LONGEST, length(vector))) : 1;
    if (!length(vector)) return;
    this.vectors[place] = scaled(unit(vector), size);
    this.update();
  }

  // Hand the state to Python, and say it to those who listen.
  commit() {
    const vectors = written(this.vectors);
    const state = `${this.free}|${vectors}`;
    if (state === this.known) return;
    this.known = state;
    const { base, height, volume } = baseAndHeight(this.vectors);
    this.root.querySelector(".said").textContent =
      `Volume ${number(volume)}, base ${number(base)}, height ${number(height)}`;
    this.send("state", { vectors, free: this.free });
  }

  setFree(free) {
    this.free = free;
    if (!free) this.vectors = this.vectors.map(unit);
    this.update();
    this.commit();
  }

  press(button) {
    if (button?.dataset.count) this.setCount(Number(button.dataset.count));
    if (button?.dataset.do === "view") this.scene.reset();
    if (button?.dataset.do === "svg") this.save();
  }

  setCount(count) {
    if (count === this.vectors.length) return;
    if (count === 2) this.spare = this.vectors.pop();
    else this.vectors.push(this.free ? this.spare : unit(this.spare));
    this.build();
    this.update();
    this.commit();
  }

  // drawing

  draw() {
    const { scene, vectors } = this;
    this.frameBody();
    scene.begin();
    this.body.draw(vectors, { write: number });
    const [x, y] = scene.at([0, 0, 0]);
    for (const [key, value] of [["cx", x], ["cy", y], ["r", scene.scale]]) this.globe.setAttribute(key, value); // prettier-ignore
    this.drawPlane();
    vectors.forEach((vector, place) => {
      const tip = this.tips[place];
      const [left, top] = scene.at(vector);
      tip.setAttribute("transform", `translate(${left.toFixed(2)},${top.toFixed(2)})`);
      tip.dataset.behind = dot(vector, scene.frame.toward) < 0;
      tip.setAttribute("aria-label", `${tip.dataset.name}: ${vector.map((c) => c.toFixed(2)).join(", ")}`);
    });
    this.drawNumbers();
    this.root.dataset.drawn = String(Number(this.root.dataset.drawn ?? 0) + 1);
  }

  // Show the whole body and most of the unit sphere. The view glides there, but stands still while a tip is held.
  frameBody() {
    const all = corners(this.vectors);
    const sum = all[all.length - 1];
    const middle = scaled(unit(sum), Math.max(0, length(sum) - GLOBE) / 2);
    const reach = 1.12 * Math.max(GLOBE + length(middle), ...all.map((corner) => length(plus(corner, middle, -1))));
    const now = this.aimed;
    const share = !now || stillness() ? 1 : this.held ? 0 : 0.2;
    const left = now ? length(plus(middle, now.middle, -1)) + Math.abs(reach - now.reach) : 0;
    if (!now || left < 0.005) this.aimed = { middle, reach };
    else this.aimed = { middle: plus(now.middle, plus(middle, now.middle, -1), share), reach: now.reach + share * (reach - now.reach) };
    if (left >= 0.005 && share > 0 && share < 1) this.update();
    this.scene.aim(this.aimed.middle, this.aimed.reach);
  }

  // The unit circle of the plane that the candidate's two vectors span.
  drawPlane() {
    const [, a, b] = this.vectors;
    const across = b && plus(b, a, -dot(a, b) / dot(a, a));
    const flat = !b || length(across) < 1e-6;
    this.plane.setAttribute("visibility", flat ? "hidden" : "visible");
    if (flat) return;
    const [e1, e2] = [unit(a), unit(across)];
    const circle = Array.from({ length: 48 }, (_, i) => (i * Math.PI) / 24).map((angle) =>
      this.scene.at(plus(scaled(e1, Math.cos(angle)), e2, Math.sin(angle))).map((c) => c.toFixed(1)).join(","),
    );
    this.plane.setAttribute("points", circle.join(" "));
  }

  buildNumbers(names, colours) {
    const { root, data } = this;
    const find = (query) => root.querySelector(query);
    const make = (parent, tag, attributes = {}, text = "") => {
      const node = document.createElement(tag);
      for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
      node.textContent = text;
      parent.append(node);
      return node;
    };
    const head = (row, place) => {
      const cell = make(row, "th", { style: `--colour:${colours[place]}`, title: names[place] });
      make(cell, "span", {}, names[place]);
    };
    const tables = [find(".matrix"), find(".terms"), find(".scores"), find(".coordinates")];
    for (const table of tables) table.replaceChildren();
    const [matrix, terms, scores, coordinates] = tables;
    find(".volume-scale").style.background = `linear-gradient(to right, ${data.scale.join(",")})`;
    const top = make(matrix, "tr");
    make(top, "th");
    names.forEach((_, place) => head(top, place));
    this.cells = names.map((_, place) => {
      const row = make(matrix, "tr");
      head(row, place);
      return names.map(() => make(row, "td"));
    });
    this.terms = DETERMINANTS[names.length].map(([factor, entries]) => {
      make(terms, "span", {}, factor > 0 ? "+" : "−");
      const product = make(terms, "span");
      if (Math.abs(factor) !== 1) product.append(`${Math.abs(factor)} · `);
      const factors = entries.map(([i, j], place) => {
        if (place) product.append(" · ");
        const hint = `${names[i]} · ${names[j]}`;
        return make(product, "span", { class: "factor", title: hint, style: `--one:${colours[i]};--two:${colours[j]}` });
      });
      return { factor, entries, factors, value: make(terms, "span", { class: "value" }) };
    });
    make(terms, "span", { class: "sum" }, "=");
    make(terms, "span", { class: "sum" }, "det G = V²");
    this.determinant = make(terms, "span", { class: "sum value" });
    this.scores = data.measures
      .filter(({ name }) => MEASURES[name])
      .map(({ name, title, help }) => {
        make(scores, "dt", { title: help }, title);
        return [name, make(scores, "dd", { "data-measure": name })];
      });
    this.places = names.map((_, place) => {
      const row = make(coordinates, "tr");
      head(row, place);
      return [0, 1, 2].map(() => make(row, "td"));
    });
  }

  drawNumbers() {
    const { root, vectors } = this;
    const find = (query) => root.querySelector(query);
    const { base, height, volume } = baseAndHeight(vectors);
    const gram = gramMatrix(vectors);
    find(".volume").textContent = number(volume);
    find(".product").textContent = `= base ${number(base)} × height ${number(height)}`;
    find(".volume-scale i").style.left = `${100 * Math.min(1, volume)}%`;
    find(".free").checked = this.free;
    for (const button of root.querySelectorAll("[data-count]")) {
      button.setAttribute("aria-pressed", Number(button.dataset.count) === vectors.length);
    }
    gram.forEach((row, i) =>
      row.forEach((entry, j) => {
        const strength = Math.min(1, Math.abs(entry) / (length(vectors[i]) * length(vectors[j])));
        const tint = entry >= 0 ? "#4a5fae" : "#d55e00";
        const share = i === j ? 6 : Math.round(8 + 50 * strength);
        this.cells[i][j].textContent = number(entry);
        this.cells[i][j].style.background = `color-mix(in srgb, ${tint} ${share}%, transparent)`;
      }),
    );
    for (const { factor, entries, factors, value } of this.terms) {
      entries.forEach(([i, j], place) => (factors[place].textContent = number(gram[i][j])));
      value.textContent = number(entries.reduce((product, [i, j]) => product * gram[i][j], Math.abs(factor)));
    }
    this.determinant.textContent = number(volume * volume);
    const scores = Object.fromEntries(this.scores.map(([name]) => [name, MEASURES[name](vectors)]));
    for (const [name, cell] of this.scores) cell.textContent = number(scores[name]);
    const cosines = pairs(vectors).map(([i, j]) => [i, j, cosine(vectors[i], vectors[j])]);
    const { names } = this.data;
    find(".cosines").textContent =
      `Cosines: ${cosines.map(([i, j, value]) => `${names[i]}·${names[j]} ${number(value)}`).join(", ")}`;
    root.numbers = { volume, base, height, gram, scores, cosines };
    this.places.forEach((cells, i) => cells.forEach((cell, j) => (cell.textContent = vectors[i][j].toFixed(3))));
    root.dataset.vectors = JSON.stringify(vectors);
  }

  save() {
    const copy = this.scene.svg.cloneNode(true);
    copy.querySelector(".tip")?.parentNode.remove();
    saveSvg(copy, this.scene.svg, "playground.svg");
  }
}

// An SVG file that looks as the picture does on the page: computed styles go along with every element.
function saveSvg(copy, original, name) {
  const wanted = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "opacity", "font", "text-anchor", "paint-order", "visibility"];
  const [from, to] = [original, copy].map((svg) => [...svg.querySelectorAll("path,line,polygon,circle,text")]);
  to.forEach((node, i) => {
    const style = getComputedStyle(from[i]);
    node.setAttribute("style", wanted.map((key) => `${key}:${style.getPropertyValue(key)}`).join(";"));
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([copy.outerHTML], { type: "image/svg+xml" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".playground");
  root.playground ??= new Playground(root);
  root.playground.take(data, setStateValue);
  return () => {
    root.playground?.dispose();
    root.playground = undefined;
  };
}
