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

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".cards");
  if (root.shown !== data.markup) {
    const focused = root.getRootNode().activeElement?.dataset?.focus;
    stop(root);
    root.innerHTML = data.markup;
    root.shown = data.markup;
    if (focused) root.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
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
  root.onfocusin = (event) => light(root, event.target.closest(".card")?.dataset.id);
}
