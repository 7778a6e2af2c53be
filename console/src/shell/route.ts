/** Pages have paths, and what a page shows is in the hash, so that a run is a link. */
import { createSignal } from "solid-js";

export const pages = ["cluster", "lab", "history", "design"] as const;
export type PageName = (typeof pages)[number];

function pageOf(path: string): PageName {
  return pages.find((page) => path === `/${page}`) ?? "cluster";
}

const [page, setPage] = createSignal<PageName>(pageOf(location.pathname));
const [hash, setHash] = createSignal(location.hash);
export { page };

export function pathOf(name: PageName): string {
  return name === "cluster" ? "/" : `/${name}`;
}

addEventListener("popstate", () => {
  setPage(pageOf(location.pathname));
  setHash(location.hash);
});
addEventListener("hashchange", () => setHash(location.hash));

export function goTo(name: PageName, parameters = ""): void {
  history.pushState(null, "", pathOf(name) + (parameters === "" ? "" : `#${parameters}`));
  setPage(name);
  setHash(location.hash);
}
/** What stands behind `#`, as `name=value&…`. */
export function parameters(): URLSearchParams {
  return new URLSearchParams(hash().slice(1));
}

/** Puts what the page shows into its address, without a new entry in the history. */
export function setParameters(values: Readonly<Record<string, string | number | undefined>>): void {
  const next = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    if (value !== undefined && value !== "") next.set(name, String(value));
  const text = next.toString();
  history.replaceState(null, "", location.pathname + (text === "" ? "" : `#${text}`));
  setHash(location.hash);
}
