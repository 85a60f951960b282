// Vectors of length 1 under gradient descent, a step at a time, with the pull on each tip drawn as an arrow.
import { LOSSES, baseAndHeight, descend, dot, length, number, plus, scaled, tangent, volume } from "./gram.js";
import { Body, Scene, element, oncePerFrame, stillness } from "./scene.js";

const LONGEST_PULL = 0.9; // in units of length; longer ones are cut there
const PULL = 0.6; // length of the arrow of a gradient of length 1
const KEPT = 400; // steps in the history
const GAP = 3.2; // between the origins of two items, in units of length
const CENTRED = 0.35; // how much of the body's long diagonal lies before the middle of its place
const CHART = { left: 26, right: 312, top: 8, bottom: 146 };

class Lesson {
  constructor(root) {
    this.root = root;
    this.update = oncePerFrame(() => this.draw());
    this.scene = new Scene(root.querySelector(".picture"), { label: "The vectors as they are trained", onTurn: this.update });
    root.addEventListener("click", ({ target }) => this.press(target.closest("button")?.dataset.do));
    root.querySelector(".objective").addEventListener("change", (event) => this.choose({ objective: event.target.value }));
    root.querySelector(".start").addEventListener("change", (event) => this.choose({ start: event.target.value }));
    root.querySelector(".rate input").addEventListener("input", () => this.update());
  }

  dispose() {
    this.pause();
    this.scene.dispose();
  }

  take(data, send) {
    const news = JSON.stringify([data.objective, data.start, data.names]);
    Object.assign(this, { data, send });
    this.root.dataset.dark = data.dark;
    if (news === this.known) return;
    this.known = news;
    for (const [query, options, value] of [
      [".objective", data.objectives, data.objective],
      [".start", data.starts, data.start],
    ]) {
      const select = this.root.querySelector(query);
      select.replaceChildren(...options.map(({ key, title }) => new Option(title, key)));
      select.value = value;
    }
    this.restart();
  }

  choose(change) {
    Object.assign(this.data, change);
    this.known = JSON.stringify([this.data.objective, this.data.start, this.data.names]);
    this.restart();
    this.send("state", { objective: this.data.objective, start: this.data.start });
  }

  get rate() {
    return 10 ** Number(this.root.querySelector(".rate input").value);
  }

  // training

  restart() {
    this.pause();
    const { objective, start, objectives, starts } = this.data;
    const both = objective === "contrastive";
    const chosen = starts.find(({ key }) => key === start);
    this.items = structuredClone(both ? chosen.items : chosen.items.slice(0, 1));
    this.steps = 0;
    this.history = [];
    this.root.querySelector(".point").textContent =
      `${objectives.find(({ key }) => key === objective).point} ${chosen.point}`;
    this.build();
    this.measure();
    this.update();
  }

  measure() {
    this.now = LOSSES[this.data.objective](this.items);
    const { base, height, volume: size } = baseAndHeight(this.items[0]);
    this.history.push([size, base, height]);
    if (this.history.length > KEPT) this.history.shift();
  }

  step() {
    const { gradients } = this.now;
    this.items = this.items.map((item, i) => item.map((vector, j) => descend(vector, gradients[i][j], this.rate)));
    this.steps += 1;
    this.measure();
    this.update();
  }

  press(action) {
    if (action === "play") this.timer ? this.pause() : this.play();
    if (action === "step") {
      this.pause();
      this.step();
    }
    if (action === "restart") this.restart();
  }

  play() {
    this.timer = setInterval(() => this.step(), stillness() ? 500 : 60);
    this.root.querySelector("[data-do=play]").textContent = "❚❚ Pause";
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.root.querySelector("[data-do=play]").textContent = "▶ Play";
  }

  // drawing

  build() {
    const { names, colours } = this.data;
    for (const body of this.bodies ?? []) body.remove();
    this.scene.layers.tips.replaceChildren();
    const several = this.items.length > 1;
    this.bodies = this.items.map((_, i) => {
      const title = several ? `item ${i + 1}` : "";
      return new Body(this.scene, { names, colours, title, matched: true, solid: true, arcs: false, height: true, sizes: false });
    });
    this.pulls = this.items.map((item) => item.map(() => element("path", { class: "pull" }, this.scene.layers.tips)));
    const facts = this.root.querySelector(".facts");
    facts.replaceChildren();
    const fact = (name, hint, kind = "", colour = "") => {
      const [dt, dd] = ["dt", "dd"].map((tag) => facts.appendChild(document.createElement(tag)));
      dt.title = hint;
      dt.className = dd.className = kind;
      dt.innerHTML = colour ? `pull on <span style="--colour:${colour}"></span>` : "";
      (colour ? dt.firstElementChild : dt).textContent = name;
      return dd;
    };
    this.facts = {
      volume: fact("Volume", "of item 1; from 0, aligned, to 1", "first"),
      product: fact("= base × height", "the candidate's own volume, and the anchor's distance from their span"),
      loss: fact("Loss", "what the descent makes smaller"),
      steps: fact("Steps", "taken so far"),
      pulls: names.map((name, i) => fact(name, "length of the gradient along the sphere", "", colours[i])),
    };
    const rows = several ? ["", "candidate 1", "candidate 2"] : [];
    this.root.querySelector(".mixed").innerHTML = rows.length
      ? `<tr>${rows.map((cell) => `<th>${cell}</th>`).join("")}</tr>` +
        [1, 2].map((row) => `<tr><th>anchor ${row}</th><td></td><td></td></tr>`).join("")
      : "";
    this.buildHistory();
  }

  buildHistory() {
    const chart = this.root.querySelector(".history");
    chart.replaceChildren();
    const { left, right, top, bottom } = CHART;
    for (const [value, y] of [["1", top], ["0", bottom]]) {
      element("line", { class: "grid", x1: left, x2: right, y1: y, y2: y }, chart);
      element("text", { x: left - 8, y: y + 4, "text-anchor": "end" }, chart).textContent = value;
    } // prettier-ignore
    this.range = element("text", { x: left, y: bottom + 18 }, chart);
    this.last = element("text", { x: right, y: bottom + 18, "text-anchor": "end" }, chart);
    this.lines = ["volume", "base", "height"].map((name) => {
      const line = element("polyline", { class: name }, chart);
      const label = element("text", { x: right + 6 }, chart);
      label.textContent = name;
      return [line, label];
    });
    chart.setAttribute("aria-label", "Volume, base and height of item 1 over the steps");
  }

  draw() {
    const { scene, items } = this;
    const several = items.length > 1;
    scene.aim([0, 0, 0], several ? 3.3 : 1.8, 1.7);
    scene.begin();
    const middle = (several ? 0.5 : 0) * GAP;
    const shifts = items.map((item, i) => {
      const [sum, { right, up }] = [item.reduce((a, b) => plus(a, b)), scene.frame];
      return [(2 * i - 1) * middle - CENTRED * dot(sum, right), -CENTRED * dot(sum, up)];
    });
    items.forEach((item, i) => {
      this.bodies[i].draw(item, { shift: shifts[i] });
      item.forEach((vector, j) => this.drawPull(this.pulls[i][j], vector, this.now.gradients[i][j], shifts[i]));
    });
    this.drawNumbers();
    this.drawHistory();
    this.root.dataset.items = JSON.stringify(items);
    this.root.dataset.steps = this.steps;
  }

  drawPull(node, vector, gradient, shift) {
    const downhill = scaled(tangent(vector, gradient), -PULL);
    const long = length(downhill);
    node.setAttribute("visibility", long < 0.01 ? "hidden" : "visible");
    const end = plus(vector, downhill, Math.min(1, LONGEST_PULL / (long || 1)));
    const [[x0, y0], [x1, y1]] = [this.scene.at(vector, shift), this.scene.at(end, shift)];
    const flat = Math.hypot(x1 - x0, y1 - y0) || 1;
    const [dx, dy] = [((x1 - x0) / flat) * 7, ((y1 - y0) / flat) * 7];
    node.setAttribute(
      "d",
      `M${x0},${y0}L${x1},${y1}M${x1 - dx - dy / 2},${y1 - dy + dx / 2}L${x1},${y1}L${x1 - dx + dy / 2},${y1 - dy - dx / 2}Z`,
    );
  }

  drawNumbers() {
    const { facts, items, now } = this;
    const { base, height, volume: size } = baseAndHeight(items[0]);
    facts.volume.textContent = number(size);
    facts.product.textContent = `${number(base)} × ${number(height)}`;
    facts.loss.textContent = number(now.loss);
    facts.steps.textContent = String(this.steps);
    facts.pulls.forEach((cell, j) => {
      const pull = length(tangent(items[0][j], now.gradients[0][j]));
      cell.textContent = number(pull < 1e-12 ? 0 : pull);
    });
    this.root.querySelector(".rate output").textContent = number(this.rate);
    this.root.querySelectorAll(".mixed td").forEach((cell, place) => {
      const [query, candidate] = [place >> 1, place & 1];
      const value = volume([items[query][0], ...items[candidate].slice(1)]);
      cell.textContent = `V ${number(value)}`;
      cell.style.outline = query === candidate ? "2px solid var(--body)" : "none";
    });
    this.root.querySelector(".key").textContent =
      items.length > 1
        ? "The outlined volumes are to be smaller than the others in their row and column. History: item 1."
        : "An arrow at a tip is what pulls it: the way downhill, as long as the slope.";
  }

  drawHistory() {
    const { left, right, top, bottom } = CHART;
    const count = Math.max(this.history.length - 1, 40);
    const first = this.steps - (this.history.length - 1);
    this.range.textContent = `step ${first}`;
    this.last.textContent = `${first + count}`;
    const y = (value) => bottom - (bottom - top) * Math.min(1, value);
    const places = this.lines.map((_, row) => y(this.history[this.history.length - 1][row]) + 4);
    const order = [0, 1, 2].sort((a, b) => places[a] - places[b]);
    order.forEach((row, place) => {
      if (place) places[row] = Math.max(places[row], places[order[place - 1]] + 12);
    });
    this.lines.forEach(([line, label], row) => {
      const points = this.history.map((values, i) => `${(left + ((right - left) * i) / count).toFixed(1)},${y(values[row]).toFixed(1)}`);
      line.setAttribute("points", points.join(" "));
      label.setAttribute("y", places[row]);
    });
  }
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".learn");
  root.lesson ??= new Lesson(root);
  root.lesson.take(data, setStateValue);
  return () => {
    root.lesson?.dispose();
    root.lesson = undefined;
  };
}
