import { createEffect, ErrorBoundary, For, lazy, Match, Suspense, Switch, type JSX } from "solid-js";
import { ClusterPage } from "../cluster/page.tsx";
import { Drawing, Logo } from "./icons.tsx";
import { goTo, page, pages, pathOf, type PageName } from "./route.ts";
import { switchTheme, theme } from "./theme.ts";
import { beginTour, Tour } from "./tour.tsx";

const LabPage = lazy(async () => ({ default: (await import("../lab/page.tsx")).LabPage }));
const HistoryPage = lazy(async () => ({ default: (await import("../history/page.tsx")).HistoryPage }));
const DesignPage = lazy(async () => ({ default: (await import("../design/page.tsx")).DesignPage }));

const names: Record<PageName, string> = { cluster: "Cluster", lab: "Lab", history: "History", design: "Design" };

export function Shell(): JSX.Element {
  createEffect(() => (document.title = `${names[page()]} · Cohort`));
  const follow = (event: MouseEvent, name: PageName): void => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    goTo(name);
    document.querySelector("main")?.focus({ preventScroll: true });
  };
  return (
    <div class="shell">
      <a
        class="skip"
        href="#main"
        onClick={(event) => (event.preventDefault(), document.querySelector("main")?.focus())}
      >
        To the content
      </a>
      <header class="rail">
        <a class="brand" href="/" onClick={(event) => follow(event, "cluster")}>
          <Logo />
          <span>Cohort</span>
        </a>
        <nav aria-label="Pages">
          <For each={pages}>
            {(name) => (
              <a
                href={pathOf(name)}
                aria-current={page() === name ? "page" : undefined}
                onClick={(event) => follow(event, name)}
              >
                <Drawing of={name} />
                {names[name]}
              </a>
            )}
          </For>
        </nav>
        <div class="push" />
        <button class="rail-button" type="button" aria-label="Tour of this page" onClick={beginTour}>
          <Drawing of="tour" />
          <span>Tour</span>
        </button>
        <button
          class="rail-button"
          type="button"
          aria-label={theme() === "dark" ? "Light colours" : "Dark colours"}
          onClick={switchTheme}
        >
          <Drawing of={theme() === "dark" ? "light" : "dark"} />
          <span>{theme() === "dark" ? "Light" : "Dark"}</span>
        </button>
      </header>
      <main id="main" tabindex="-1">
        <ErrorBoundary fallback={(error: unknown) => <Broken error={error} />}>
          <Suspense fallback={<p class="empty">Loading…</p>}>
            <Switch>
              <Match when={page() === "cluster"}>
                <ClusterPage />
              </Match>
              <Match when={page() === "lab"}>
                <LabPage />
              </Match>
              <Match when={page() === "history"}>
                <HistoryPage />
              </Match>
              <Match when={page() === "design"}>
                <DesignPage />
              </Match>
            </Switch>
          </Suspense>
        </ErrorBoundary>
      </main>
      <Tour />
    </div>
  );
}

function Broken(props: { readonly error: unknown }): JSX.Element {
  return (
    <div class="notice bad stack" role="alert">
      <h1>This page broke</h1>
      <p>Nothing happened to the cluster. Load the page anew; if it breaks again, the text below says where.</p>
      <pre class="scroll small">
        {props.error instanceof Error ? (props.error.stack ?? props.error.message) : String(props.error)}
      </pre>
      <button class="b" type="button" onClick={() => location.reload()}>
        Load anew
      </button>
    </div>
  );
}
