import type { JSX } from "solid-js";

export function LabPage(): JSX.Element {
  return <h1>Lab</h1>;
}
