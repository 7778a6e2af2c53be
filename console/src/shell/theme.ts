import { createSignal } from "solid-js";

export type Theme = "light" | "dark";

const root = document.documentElement;
const [theme, set] = createSignal<Theme>(root.dataset["theme"] === "dark" ? "dark" : "light");
export { theme };

export function switchTheme(): void {
  const next = theme() === "dark" ? "light" : "dark";
  root.dataset["theme"] = next;
  localStorage.setItem("cohort.theme", next);
  set(next);
}

const colours = new Map<string, string>();

/** A colour of the style sheet, for canvases. Reading it inside a computation follows the theme. */
export function colour(name: string): string {
  const key = `${theme()}-${name}`;
  let value = colours.get(key);
  if (value === undefined) {
    value = getComputedStyle(root).getPropertyValue(`--${name}`).trim();
    colours.set(key, value);
  }
  return value;
}
const still = matchMedia("(prefers-reduced-motion: reduce)");
export function reducedMotion(): boolean {
  return still.matches;
}
