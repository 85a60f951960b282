// Up to five vectors and their parallelotope, projected from k dimensions to three along a direction that turns.
import { dot, length, number, plus } from "./gram.js";
import { Body, Scene, corners, oncePerFrame, stillness } from "./scene.js";

const TURN = 0.25; // degrees a frame
const RATIO = (Math.sqrt(5) - 1) / 2; // of the second turn to the first: the two never come round together

// Rows with two of their coordinates turned into each other.
function turned(rows, first, second, angle) {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return rows.map((row) => {
    const copy = [...row];
    copy[first] = c * row[first] - s * row[second];
    copy[second] = s * row[first] + c * row[second];
    return copy;
  });
}

// Angle 0 leaves the rows as they come; any other brings what was left out into the first three coordinates.
function project(rows, angle) {
  let all = rows.map((row) => [...row, 0, 0, 0].slice(0, Math.max(3, row.length)));
  if (rows[0].length > 3) all = turned(all, 0, 3, angle);
  if (rows[0].length > 4) all = turned(all, 1, 4, RATIO * angle);
  return all.map((row) => row.slice(0, 3));
}

class Higher {
  constructor(root) {
    this.root = root;
    this.angle = 0;
    this.update = oncePerFrame(() => this.draw());
    this.scene = new Scene(root.querySelector(".picture"), { label: "A parallelotope, projected", onTurn: this.update });
    root.querySelector(".angle").addEventListener("input", (event) => this.turnTo(Number(event.target.value)));
    root.addEventListener("click", ({ target }) => this.press(target.closest("button")?.dataset.do));
  }

  dispose() {
    this.stop();
    this.scene.dispose();
  }

  take(data) {
    const news = JSON.stringify(data);
    if (news === this.known) return;
    this.known = news;
    this.data = data;
    this.root.dataset.dark = data.dark;
    this.body?.remove();
    const { names, colours } = data;
    this.body = new Body(this.scene, { names, colours, matched: true, tinted: true, solid: names.length < 4 });
    this.update();
  }

  turnTo(angle) {
    this.stop();
    this.angle = angle;
    this.update();
  }

  press(action) {
    if (action === "best") this.turnTo(0);
    if (action === "view") this.scene.reset();
    if (action === "turn") this.turning ? this.stop() : this.start();
  }

  start() {
    const button = this.root.querySelector("[data-do=turn]");
    button.setAttribute("aria-pressed", "true");
    const speed = stillness() ? TURN / 4 : TURN;
    const frame = () => {
      this.angle = (this.angle + speed) % 360;
      this.draw();
      this.turning = requestAnimationFrame(frame);
    };
    this.turning = requestAnimationFrame(frame);
  }

  stop() {
    cancelAnimationFrame(this.turning);
    this.turning = 0;
    this.root.querySelector("[data-do=turn]").setAttribute("aria-pressed", "false");
  }

  draw() {
    const { scene, data } = this;
    const vectors = project(data.vectors, (this.angle * Math.PI) / 180);
    const all = corners(vectors);
    const middle = all[all.length - 1].map((x) => x / 2);
    const reach = 1.08 * Math.max(0.8, ...corners(data.vectors).map((corner) => length(plus(corner, sumHalf(data.vectors), -1))));
    scene.aim(middle, reach);
    scene.begin();
    this.body.draw(vectors);
    const whole = data.vectors.reduce((sum, row) => sum + dot(row, row), 0);
    const kept = vectors.reduce((sum, row) => sum + dot(row, row), 0);
    const distortion = Math.max(0, 1 - kept / whole);
    const shown = data.names.map((name, i) => `${name} ${number(length(vectors[i]))}`).join(", ");
    const exact = distortion < 1e-9;
    this.root.dataset.distortion = distortion;
    this.root.dataset.vectors = JSON.stringify(vectors);
    this.root.querySelector(".angle").value = this.angle;
    this.root.querySelector(".angle").disabled = data.vectors[0].length < 4;
    this.root.querySelector("output").textContent = `${Math.round(this.angle)}°`;
    this.root.querySelector(".left-out").textContent = exact
      ? "Nothing is left out: up to three vectors fit into space, with every length and angle."
      : `Left out: ${(100 * distortion).toPrecision(3)} % of the vectors' squared length. Lengths in the picture, all of length 1 in truth: ${shown}.`;
  }
}

const sumHalf = (rows) => rows.reduce((a, b) => plus(a, b)).map((x) => x / 2);

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".higher");
  root.higher ??= new Higher(root);
  root.higher.take(data);
  return () => {
    root.higher?.dispose();
    root.higher = undefined;
  };
}
