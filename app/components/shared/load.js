// plotly.js is loaded once for all components, by the picture that comes first.

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
