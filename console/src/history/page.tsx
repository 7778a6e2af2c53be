import type { JSX } from "solid-js";

export function HistoryPage(): JSX.Element {
  return <h1>History</h1>;
}
