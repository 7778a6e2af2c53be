import type { JSX } from "solid-js";

export function DesignPage(): JSX.Element {
  return <h1>Design</h1>;
}
