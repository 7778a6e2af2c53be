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

/** A colour of the style sheet, for canvases. Reading it inside a computation follows the theme. */
export function colour(name: string): string {
  theme();
  return getComputedStyle(root).getPropertyValue(`--${name}`).trim();
}
