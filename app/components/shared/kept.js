// Pictures outlive the page that they are on, and are put back when it is shown again: to draw one anew takes 50 ms, and in
// 3D a second, for a new WebGL context and its shaders.

// Put the picture of that name, kept when its page was left, in the place of the empty one; return whether there was one.
export function takeUp(root, name, pictures) {
  const kept = pictures.get(name);
  pictures.delete(name);
  if (!kept || kept.isConnected) return false;
  root.plot.replaceWith(kept);
  root.plot = kept;
  return true;
}

// Keep a picture, and at most so many of them: those that were left last.
export function putAside(plot, name, pictures, most) {
  if (!plot.on) return window.Plotly?.purge(plot);
  pictures.delete(name);
  pictures.set(name, plot);
  const [[oldest, other]] = pictures;
  if (pictures.size <= most) return;
  pictures.delete(oldest);
  window.Plotly.purge(other);
}
