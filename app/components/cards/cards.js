const playing = new WeakMap(); // root element -> { audio, button }

function stop(root) {
  const current = playing.get(root);
  if (!current) return;
  current.audio.pause();
  current.button?.removeAttribute("data-playing");
  playing.delete(root);
}

function play(root, sound) {
  stop(root);
  const [source, name] = sound.split("#");
  const button = root.querySelector(`[data-sound="${CSS.escape(name)}"]`);
  const audio = new Audio(source);
  playing.set(root, { audio, button });
  button?.removeAttribute("data-waiting");
  button?.setAttribute("data-playing", "");
  audio.onended = () => stop(root);
  audio.play().catch(() => stop(root));
}

function light(root, id) {
  for (const element of root.querySelectorAll("[data-lit]")) element.removeAttribute("data-lit");
  if (id === undefined) return;
  for (const element of root.querySelectorAll(`.card[data-id="${CSS.escape(id)}"]`)) element.setAttribute("data-lit", "");
}

// In a list of rows the arrow keys go from row to row, without choosing one.
function step(root, event) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!by || !event.target.matches("[data-row]")) return;
  const rows = [...root.querySelectorAll("[data-row]")];
  const next = rows[rows.indexOf(event.target) + by];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

// Bring what was chosen elsewhere on the page into sight, where it is out of it: on a phone it lies below the list.
function reveal(root) {
  const chosen = root.querySelector("[data-reveal]");
  if (!chosen) return;
  const before = window.gramRevealed; // the page's, for the element itself may be drawn anew
  window.gramRevealed = chosen.dataset.reveal;
  if (before === undefined || before === window.gramRevealed) return;
  const { top } = chosen.getBoundingClientRect();
  if (top < 0 || top > innerHeight * 0.8) chosen.scrollIntoView({ block: "start", behavior: "smooth" });
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".cards");
  if (root.shown !== data.markup) {
    const focused = root.getRootNode().activeElement?.dataset?.focus;
    const scrolled = root.querySelector("[data-rows]")?.scrollTop ?? 0;
    stop(root);
    root.innerHTML = data.markup;
    root.shown = data.markup;
    (root.getRootNode().host ?? root).dataset.filled = ""; // the room that was kept is no longer needed
    if (scrolled) root.querySelector("[data-rows]")?.scrollTo(0, scrolled);
    reveal(root);
    if (focused) root.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }
  if (data.sound && root.heard !== data.sound) play(root, data.sound);
  root.heard = data.sound;

  root.onclick = (event) => {
    const target = event.target.closest("[data-action]");
    if (!target) return;
    event.preventDefault();
    if (target.hasAttribute("data-playing")) return stop(root);
    if (target.dataset.action === "listen") target.setAttribute("data-waiting", "");
    setTriggerValue("action", { ...target.dataset });
  };
  root.onpointerover = (event) => light(root, event.target.closest(".card")?.dataset.id);
  root.onpointerleave = () => light(root, undefined);
  root.onkeydown = (event) => step(root, event);
  root.onfocusin = (event) => light(root, event.target.closest(".card")?.dataset.id);
}
