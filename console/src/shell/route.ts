/** Pages have paths, and what a page shows is in the hash, so that a run is a link. */
import { createSignal } from "solid-js";

export const pages = ["cluster", "lab", "history", "design"] as const;
export type PageName = (typeof pages)[number];

function pageOf(path: string): PageName {
  return pages.find((page) => path === `/${page}`) ?? "cluster";
}

const [page, setPage] = createSignal<PageName>(pageOf(location.pathname));
const [, setHash] = createSignal(location.hash);
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
