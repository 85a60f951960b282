// When a picture is drawn: at once where it is in sight or will soon be; else when the browser has nothing else to do, one
// after the other down the page. What is printed is drawn before, and so is what is saved.

const NEAR = 500; // px around the window
const PATIENCE = 3000; // ms for which a script that goes on running is waited for
const waiting = (window.gramWaiting ??= new Map()); // picture -> what draws it

function isNear(plot) {
  const { top, bottom } = plot.getBoundingClientRect();
  return top < innerHeight + NEAR && bottom > -NEAR;
}

const isRunning = () => document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "running";

// Return a promise of the picture's turn; until it comes the picture has the attribute `data-late`.
export function turn(plot) {
  if (plot.on && isNear(plot)) hurry(plot);
  else plot.turn ??= comes(plot);
  return plot.turn;
}

function comes(plot) {
  const since = performance.now();
  return new Promise((resolve) => {
    // Streamlit scrolls the page in an element of its own: `scrollMargin` widens what it shows, `rootMargin` does not.
    const sight = new IntersectionObserver((seen) => seen.some((each) => each.isIntersecting) && go(), {
      rootMargin: `${NEAR}px 0px`,
      scrollMargin: `${NEAR}px 0px`,
    });
    const go = () => {
      sight.disconnect();
      waiting.delete(plot);
      plot.turn = undefined;
      delete plot.dataset.late;
      resolve();
    };
    plot.dataset.late = "";
    waiting.set(plot, { go, since });
    sight.observe(plot);
    drawRest();
  });
}

// Let a picture that waits be drawn now.
export function hurry(plot) {
  waiting.get(plot)?.go();
}

function drawRest() {
  if (window.gramDrawsRest) return;
  window.gramDrawsRest = true;
  const whenIdle = (next) => (window.requestIdleCallback ? requestIdleCallback(next, { timeout: 1000 }) : setTimeout(next, 50));
  const step = () => {
    const [first] = waiting.values();
    if (!first) {
      window.gramDrawsRest = false;
    } else if (isRunning() && performance.now() - first.since < PATIENCE) {
      setTimeout(step, 50);
    } else {
      first.go();
      whenIdle(step);
    }
  };
  setTimeout(() => whenIdle(step), 100); // those in sight have gone by then
}

if (!window.gramPrints) {
  window.gramPrints = true;
  addEventListener("beforeprint", () => [...waiting.keys()].forEach(hurry));
}
