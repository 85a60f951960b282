// A stroke is a list of points [x, y] in heights of its box. They live on the element, so reruns leave them alone.

const BOXES = 4;
const PAUSE = 300; // milliseconds from the last stroke to sending
const STEP = 0.006; // points nearer to the last one say nothing new
const PLACES = ["first", "second", "third", "last"];
const SVG = "http://www.w3.org/2000/svg";

function build(root) {
  const host = root.querySelector(".pad-boxes");
  root.boxes = Array.from({ length: BOXES }, (_, place) => {
    const box = document.createElement("div");
    box.className = "pad-box";
    box.innerHTML = `<svg viewBox="0 0 0.75 1" role="img" aria-label="Box ${place + 1}: the ${PLACES[place]} digit">
      <g class="guide"><rect x="0.16" y="0.12" width="0.43" height="0.76" rx="0.2"/><text x="0.375" y="0.54">${place + 1}</text></g>
      </svg><button type="button" data-clear="${place}" aria-label="Clear box ${place + 1}">Clear</button>`;
    host.append(box);
    return { element: box, svg: box.querySelector("svg"), strokes: [] };
  });
}

function outline(points) {
  const [first, ...rest] = points.map(([x, y]) => `${x.toFixed(4)} ${y.toFixed(4)}`);
  return rest.length ? `M${first}L${rest.join(" ")}` : `M${first}h0.0001`;
}

function draw(box) {
  const paths = [...box.svg.querySelectorAll("path")];
  while (paths.length > box.strokes.length) paths.pop().remove();
  box.strokes.forEach((points, place) => {
    const path = paths[place] ?? box.svg.appendChild(document.createElementNS(SVG, "path"));
    path.setAttribute("d", outline(points));
  });
  box.element.toggleAttribute("data-drawn", box.strokes.length > 0);
  box.element.querySelector("button").disabled = !box.strokes.length;
}

function show(root) {
  root.boxes.forEach(draw);
  const empty = root.boxes.flatMap((box, place) => (box.strokes.length ? [] : [place + 1]));
  const none = empty.length === BOXES;
  root.querySelector(".pad-hint").textContent = none
    ? "Draw a digit in each box. Without a pointer: choose number, and type it."
    : empty.length === 1
      ? `Box ${empty[0]} is empty: draw a digit in it.`
      : empty.length
        ? `Boxes ${empty.slice(0, -1).join(", ")} and ${empty.at(-1)} are empty: draw a digit in each.`
        : "The handwriting that the models know crosses its 7 and curls the foot of its 9.";
  for (const button of root.querySelectorAll("[data-do]")) button.disabled = none;
}

// All four at once, or nothing: a half-drawn number is no question.
function send(root) {
  clearTimeout(root.timer);
  const count = root.boxes.filter((box) => box.strokes.length).length;
  const value = count === BOXES ? root.boxes.map((box) => box.strokes) : null;
  const said = JSON.stringify(value);
  if (said === root.said) return;
  root.said = said;
  root.send("strokes", { boxes: value, at: Date.now() }); // a time, since Streamlit drops a value that is as before
}

function changed(root) {
  show(root);
  clearTimeout(root.timer);
  root.timer = setTimeout(() => send(root), PAUSE);
}

function pointOf(event, svg) {
  const frame = svg.getBoundingClientRect();
  const x = Math.min(0.75, Math.max(0, (event.clientX - frame.left) / frame.height));
  const y = Math.min(1, Math.max(0, (event.clientY - frame.top) / frame.height));
  return [Math.round(x * 1e4) / 1e4, Math.round(y * 1e4) / 1e4];
}

function listenTo(root, box) {
  const { svg } = box;
  let stroke = null;
  let pointer = null;
  svg.addEventListener("pointerdown", (event) => {
    if (stroke || (event.pointerType === "mouse" && event.button !== 0)) return;
    event.preventDefault();
    root.focus({ preventScroll: true });
    svg.setPointerCapture(event.pointerId);
    clearTimeout(root.timer);
    pointer = event.pointerId;
    stroke = [pointOf(event, svg)];
    box.strokes.push(stroke);
    root.order.push(box);
    show(root);
  });
  svg.addEventListener("pointermove", (event) => {
    if (!stroke || event.pointerId !== pointer) return;
    const passed = event.getCoalescedEvents?.() ?? [];
    for (const each of passed.length ? passed : [event]) {
      const point = pointOf(each, svg);
      const last = stroke.at(-1);
      if (Math.hypot(point[0] - last[0], point[1] - last[1]) >= STEP) stroke.push(point);
    }
    draw(box);
  });
  const lift = (event) => {
    if (!stroke || event.pointerId !== pointer) return;
    stroke = pointer = null;
    changed(root);
  };
  for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) svg.addEventListener(kind, lift);
}

const ACTIONS = {
  undo(root) {
    const box = root.order.pop();
    box?.strokes.pop();
  },
  clear(root) {
    for (const box of root.boxes) box.strokes = [];
    root.order = [];
  },
};

function clearOne(root, place) {
  const box = root.boxes[place];
  box.strokes = [];
  root.order = root.order.filter((each) => each !== box);
}

function start(root, strokes) {
  build(root);
  root.order = [];
  root.boxes.forEach((box, place) => {
    box.strokes = structuredClone(strokes?.[place] ?? []);
    root.order.push(...box.strokes.map(() => box));
    listenTo(root, box);
  });
  root.said = JSON.stringify(strokes ?? null);
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.clear !== undefined) clearOne(root, Number(button.dataset.clear));
    else ACTIONS[button.dataset.do](root);
    changed(root);
  });
  root.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.key.toLowerCase() !== "z") return;
    event.preventDefault();
    ACTIONS.undo(root);
    changed(root);
  });
  show(root);
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".pad");
  root.send = setStateValue;
  if (!root.boxes) start(root, data.start);
  return () => clearTimeout(root.timer);
}
