import { plotly } from "./plotly.js";

// A failure is told by the picture that then has no plotly.
export default function ({ data }) {
  plotly(data.plotly).catch(() => undefined);
}
