// Keys sound as long as they are held. Which frequencies a key has comes from Python.

const DIGITS = 4;
const SHORTEST = 0.1; // seconds a key sounds at least, so that a tap is heard
const RAMP = 0.004;
const LEVEL = 0.15;

function sound(root, { low, high }) {
  try {
    root.audio ??= new AudioContext();
    root.audio.resume();
    const { currentTime, destination } = root.audio;
    const gain = root.audio.createGain();
    gain.gain.setValueAtTime(0, currentTime);
    gain.gain.linearRampToValueAtTime(LEVEL, currentTime + RAMP);
    gain.connect(destination);
    const tones = [low, high].map((hertz) => {
      const tone = root.audio.createOscillator();
      tone.frequency.value = hertz;
      tone.connect(gain);
      tone.start(currentTime);
      return tone;
    });
    return (seconds) => {
      const end = currentTime + Math.max(seconds, SHORTEST);
      gain.gain.setValueAtTime(LEVEL, end);
      gain.gain.linearRampToValueAtTime(0, end + RAMP);
      for (const tone of tones) tone.stop(end + RAMP);
    };
  } catch {
    return () => {}; // no sound here: the number still counts
  }
}

function show(root) {
  const typed = root.presses.map((press) => press.key).join("");
  root.querySelector("output").innerHTML = `${typed}<i>${"·".repeat(DIGITS - typed.length)}</i>`;
  root.querySelector("output").setAttribute("aria-label", typed ? `Dialled ${[...typed].join(" ")}` : "Nothing dialled");
  for (const button of root.querySelectorAll("[data-do]")) button.disabled = !typed;
}

function press(root, name) {
  const key = root.keys.get(name);
  if (!key || root.down.has(name)) return;
  const at = performance.now() / 1000;
  root.down.set(name, { at, stop: sound(root, key) });
  key.button.toggleAttribute("data-down", true);
}

function release(root, name) {
  const held = root.down.get(name);
  if (!held) return;
  root.down.delete(name);
  root.keys.get(name).button.removeAttribute("data-down");
  const seconds = performance.now() / 1000 - held.at;
  held.stop(seconds);
  if (!/^[0-9]$/.test(name)) return; // * and # sound, but are no digits
  if (root.presses.length >= DIGITS) root.presses = [];
  root.presses.push({ key: name, at: held.at, held: Math.max(seconds, SHORTEST) });
  show(root);
  if (root.presses.length === DIGITS) {
    const first = root.presses[0].at;
    const presses = root.presses.map((each) => ({ ...each, at: each.at - first }));
    root.send("dialled", { presses, at: Date.now() }); // a time, since Streamlit drops a value that is as before
  }
}

function build(root, rows) {
  root.keys = new Map();
  const host = root.querySelector(".phone-keys");
  for (const key of rows.flat()) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.key = key.key;
    button.innerHTML = `${key.key}<small>${key.low} + ${key.high} Hz</small>`;
    host.append(button);
    root.keys.set(key.key, { ...key, button });
  }
}

function listen(root) {
  const nameOf = (event) => event.target.closest("[data-key]")?.dataset.key;
  root.addEventListener("pointerdown", (event) => {
    const name = nameOf(event);
    if (name === undefined || event.button !== 0) return;
    event.target.closest("[data-key]").setPointerCapture(event.pointerId);
    press(root, name);
  });
  for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) {
    root.addEventListener(kind, (event) => release(root, nameOf(event)));
  }
  root.addEventListener("click", (event) => {
    const name = nameOf(event);
    if (name !== undefined && event.detail === 0) {
      press(root, name); // Enter or Space on a key
      release(root, name);
    }
    const action = event.target.closest("[data-do]")?.dataset.do;
    if (action) edit(root, action);
  });
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Backspace") edit(root, "back");
    else if (event.key === "Escape") edit(root, "clear");
    else if (root.keys.has(event.key)) press(root, event.key);
    else return;
    event.preventDefault();
  });
  root.addEventListener("keyup", (event) => release(root, event.key));
  root.addEventListener("focusout", () => [...root.down.keys()].forEach((name) => release(root, name)));
}

function edit(root, action) {
  root.presses = action === "back" ? root.presses.slice(0, -1) : [];
  show(root);
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".phone");
  root.send = setStateValue;
  if (root.keys) return undefined;
  build(root, data.rows);
  root.presses = (data.start ?? []).map((each) => ({ ...each }));
  root.down = new Map();
  listen(root);
  show(root);
  return undefined;
}
