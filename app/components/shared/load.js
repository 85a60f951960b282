// plotly.js is loaded once for all components, by whoever comes first: the page itself, once it is idle, or a picture.

export function plotly(source) {
  window.gramPlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = source;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      window.gramPlotly = undefined;
      reject(new Error(`${source} could not be loaded; reload the page`));
    };
    document.head.append(script);
  });
  return window.gramPlotly;
}

// Streamlit's own scripts go first: to run plotly's takes half a second, in which nothing else can be done.
export function whenIdle(act) {
  addEventListener("DOMContentLoaded", () => (window.requestIdleCallback ? requestIdleCallback(act, { timeout: 2000 }) : setTimeout(act)));
}
