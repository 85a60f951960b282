// The geometry of `gram`, in the browser: the same definitions for a few vectors of a few numbers, in float64.
// Everything takes the vectors as rows, the anchor first.

export const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
export const length = (a) => Math.sqrt(dot(a, a));
export const scaled = (a, s) => a.map((x) => x * s);
export const plus = (a, b, s = 1) => a.map((x, i) => x + s * b[i]);
export const unit = (a) => (length(a) > 0 ? scaled(a, 1 / length(a)) : a);
export const gramMatrix = (vectors) => vectors.map((a) => vectors.map((b) => dot(a, b)));

const without = (vectors, place) => vectors.filter((_, i) => i !== place);
// A distance below a few roundings of the vector is a rounding, as in `gram.geometry.orthonormal.tolerance`.
const tolerance = (count) => 2 * count * Number.EPSILON;

// An orthonormal basis by Gram-Schmidt, each row projected twice, and the distance of each row from those before it.
function span(vectors) {
  const basis = [];
  const lengths = [];
  for (const vector of vectors) {
    const rest = residual(vector, basis);
    const left = length(rest);
    const dependent = left <= tolerance(vectors.length) * length(vector);
    lengths.push(dependent ? 0 : left);
    if (!dependent) basis.push(scaled(rest, 1 / left));
  }
  return { basis, lengths };
}

function residual(vector, basis) {
  let rest = vector;
  for (let pass = 0; pass < 2; pass += 1) for (const e of basis) rest = plus(rest, e, -dot(rest, e));
  return rest;
}

export const volume = (vectors) => span(vectors).lengths.reduce((product, x) => product * x, 1);

// The anchor's foot in the span of the rest, base, height, and their product.
export function baseAndHeight([anchor, ...others]) {
  const { basis, lengths } = span(others);
  const rest = residual(anchor, basis);
  const left = length(rest);
  const height = left <= tolerance(others.length + 1) * length(anchor) ? 0 : left;
  const base = lengths.reduce((product, x) => product * x, 1);
  return { base, height, volume: base * height, foot: plus(anchor, rest, -1) };
}

export function cosine(a, b) {
  const lengths = length(a) * length(b);
  return lengths > 0 ? dot(a, b) / lengths : 0;
}

const mean = (values) => values.reduce((sum, x) => sum + x, 0) / values.length;

// Every score of `gram.measures` that the Gram matrix alone decides; higher = better aligned.
export const MEASURES = {
  volume: (vectors) => -volume(vectors),
  height: (vectors) => -baseAndHeight(vectors).height,
  cosine: ([anchor, ...others]) => mean(others.map((other) => cosine(anchor, other))),
  centroid: ([anchor, ...others]) => {
    const sum = others.map(unit).reduce((a, b) => plus(a, b));
    return length(sum) > tolerance(others.length) ? cosine(anchor, sum) : 0;
  },
  "normalized-volume": (vectors) => -(volume(vectors) ** (1 / vectors.length)),
  "cosine-max": ([anchor, ...others]) => Math.max(...others.map((other) => cosine(anchor, other))),
  "pairwise-mean": (vectors) => mean(pairs(vectors).map(([i, j]) => cosine(vectors[i], vectors[j]))),
  triangle: (vectors) => {
    if (vectors.length !== 3) return NaN;
    const [t, a, b] = vectors.map(unit);
    return -volume([plus(t, a, -1), plus(t, b, -1)]) / 2;
  },
  singular: (vectors) => Math.sqrt(Math.max(0, ...eigenvalues(gramMatrix(vectors.map(unit))))),
};

export const pairs = (vectors) =>
  vectors.flatMap((_, i) => vectors.slice(i + 1).map((_, step) => [i, i + 1 + step]));

// Eigenvalues of a small symmetric matrix, by Jacobi's rotations.
function eigenvalues(symmetric) {
  const a = symmetric.map((row) => [...row]);
  const size = a.length;
  for (let sweep = 0; sweep < 30; sweep += 1) {
    let off = 0;
    for (const [p, q] of pairs(a)) {
      off += a[p][q] ** 2;
      if (a[p][q] === 0) continue;
      const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
      const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1));
      const c = 1 / Math.hypot(t, 1);
      const s = t * c;
      for (let i = 0; i < size; i += 1) [a[i][p], a[i][q]] = [c * a[i][p] - s * a[i][q], s * a[i][p] + c * a[i][q]];
      for (let i = 0; i < size; i += 1) [a[p][i], a[q][i]] = [c * a[p][i] - s * a[q][i], s * a[p][i] + c * a[q][i]];
    }
    if (off < 1e-30) break;
  }
  return a.map((row, i) => row[i]);
}

// The determinant of a Gram matrix of two or three vectors as a sum: each term has a sign and its factors [i, j].
export const DETERMINANTS = {
  2: [
    [1, [[0, 0], [1, 1]]],
    [-1, [[0, 1], [0, 1]]],
  ],
  3: [
    [1, [[0, 0], [1, 1], [2, 2]]],
    [2, [[0, 1], [0, 2], [1, 2]]],
    [-1, [[0, 0], [1, 2], [1, 2]]],
    [-1, [[1, 1], [0, 2], [0, 2]]],
    [-1, [[2, 2], [0, 1], [0, 1]]],
  ],
}; // prettier-ignore

// Losses and their gradients by every vector, for unit vectors. Degenerate points give the subgradient 0, as in `gram`.

// dV/dv_i = volume of the others x unit direction of v_i's height.
export function volumeGradient(vectors) {
  return vectors.map((vector, place) => {
    const others = without(vectors, place);
    const { basis, lengths } = span(others);
    const rest = residual(vector, basis);
    const left = length(rest);
    const base = lengths.reduce((product, x) => product * x, 1);
    return left <= tolerance(vectors.length) * length(vector) ? vector.map(() => 0) : scaled(rest, base / left);
  });
}

const zeros = (vectors) => vectors.map((vector) => vector.map(() => 0));

export const LOSSES = {
  volume: ([item]) => ({ loss: volume(item), gradients: [volumeGradient(item)] }),
  "log-volume": ([item]) => {
    const size = volume(item);
    const gradient = size > 0 ? volumeGradient(item).map((row) => scaled(row, 1 / size)) : zeros(item);
    return { loss: Math.log(size), gradients: [gradient] };
  },
  cosine: ([[anchor, ...others]]) => {
    const share = -1 / others.length;
    const gradient = [
      others.reduce((sum, other) => plus(sum, other, share), anchor.map(() => 0)),
      ...others.map(() => scaled(anchor, share)),
    ]; // prettier-ignore
    return { loss: mean(others.map((other) => -dot(anchor, other))), gradients: [gradient] };
  },
  contrastive: contrastive,
};

// The GRAM loss of a batch of items: the mean of the two cross-entropies, over rows and columns of -V / temperature.
function contrastive(items, temperature = 0.2) {
  const n = items.length;
  const mixed = items.map((query) => items.map((candidate) => [query[0], ...candidate.slice(1)]));
  const logits = mixed.map((row) => row.map((vectors) => -volume(vectors) / temperature));
  const columns = logits.map((_, j) => logits.map((row) => row[j]));
  const [byRow, byColumn] = [logits, columns].map((rows) => rows.map(softmax));
  const loss = mean(items.map((_, i) => -(Math.log(byRow[i][i]) + Math.log(byColumn[i][i])) / 2));
  const gradients = items.map(zeros);
  for (let i = 0; i < n; i += 1) {
    for (let j = 0; j < n; j += 1) {
      const own = i === j ? 1 : 0;
      const weight = -(byRow[i][j] - own + byColumn[j][i] - own) / (2 * n * temperature);
      const [forAnchor, ...forOthers] = volumeGradient(mixed[i][j]);
      gradients[i][0] = plus(gradients[i][0], forAnchor, weight);
      forOthers.forEach((row, place) => {
        gradients[j][place + 1] = plus(gradients[j][place + 1], row, weight);
      });
    }
  }
  return { loss, gradients };
}

function softmax(row) {
  const top = Math.max(...row);
  const weights = row.map((x) => Math.exp(x - top));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((x) => x / sum);
}

// What of a gradient turns a unit vector, and the vector after a step against it.
export const tangent = (vector, gradient) => plus(gradient, vector, -dot(gradient, vector));
export const descend = (vector, gradient, rate) => unit(plus(vector, tangent(vector, gradient), -rate));

// Three significant digits, as `gram.plots.style.number` writes them.
export function number(value) {
  if (Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const sign = value < 0 ? "−" : "";
  const [mantissa, exponent] = Math.abs(value).toExponential(2).split("e");
  const power = Number(exponent);
  if (power >= -3 && power <= 6) return sign + Number(`${mantissa}e${power}`).toFixed(Math.max(0, 2 - power));
  const raised = [...String(power)].map((digit) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(digit)]).join("");
  return `${sign}${mantissa}×10${raised}`;
}
