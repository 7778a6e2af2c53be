/** A few sentences for a newcomer, each beside what it is about. Not modal: what it talks of can be tried at once. */
import { createEffect, createSignal, onCleanup, Show, type JSX } from "solid-js";
import { page, type PageName } from "./route.ts";
import { reducedMotion } from "./theme.ts";

export interface TourStep {
  /** `data-tour` of the part it is about. */
  readonly at: string;
  readonly title: string;
  readonly text: string;
}

const tours: Record<PageName, readonly TourStep[]> = {
  cluster: [
    {
      at: "picture",
      title: "Three real processes",
      text: "Each circle is a node with its own log on disk. The crowned one leads: every write goes through it. The arc shows how much of the leader's log a node has.",
    },
    {
      at: "faults",
      title: "Break it",
      text: "Kill the leader. That is a real SIGKILL. Watch the others elect a successor in the next term, and the dead one come back and catch up.",
    },
    {
      at: "counter",
      title: "Nothing is lost",
      text: "The demo traffic goes on adding to one counter through it all. Every increment that was acknowledged stays.",
    },
    {
      at: "ask",
      title: "Say what you need",
      text: "Ask any node, with any consistency. The answer says which guarantee was kept and how old it may be. Try a cut-off node.",
    },
    {
      at: "shards",
      title: "Many logs",
      text: "Keys are spread over shards, each a group with its own leader. Kill a node: only the shards that it led have an election.",
    },
    {
      at: "timeline",
      title: "Go back",
      text: "Drag along the timeline: the picture shows the cluster as it was then. “Live” returns to now.",
    },
  ],
  lab: [
    {
      at: "choose",
      title: "The same code, another world",
      text: "The protocol that runs on the servers runs here, in this tab, in virtual time and from one seed. The digest is the same as that of `cohort sim run`.",
    },
    {
      at: "plant",
      title: "Plant a mistake",
      text: "Choose a known protocol mistake. The run is searched for a failure, made as small as it gets, and opens where it breaks.",
    },
    {
      at: "diagram",
      title: "Space and time",
      text: "A lane is a process, an arrow a message. Turn the wheel to zoom, drag to move, click an event to see every node at that moment.",
    },
    {
      at: "lights",
      title: "What must hold",
      text: "Each line is an invariant or a clause of the contract. Marks show where it was put to the test; red, where it broke.",
    },
  ],
  history: [
    {
      at: "load",
      title: "What clients saw",
      text: "Load a recorded history, or take one of the examples. Jepsen's EDN, JSON lines and Porcupine's logs are understood.",
    },
    {
      at: "verdict",
      title: "Is there an order?",
      text: "If the operations can be put into one order, it is drawn through them. If not, you see where every attempt got stuck; for transactions, the circle of who had to come before whom.",
    },
  ],
  design: [
    {
      at: "contract",
      title: "One contract",
      text: "Say what reads, writes and partitions may do. Mistakes are marked while you write.",
    },
    {
      at: "meaning",
      title: "What it means",
      text: "What your guarantees imply, and what they cost when the network splits.",
    },
    {
      at: "topology",
      title: "Where it runs",
      text: "Choose a place, and the node that leads. Delays and failures of that place are what the prices come from.",
    },
    {
      at: "price",
      title: "What it costs",
      text: "Predicted by models, and beside them a run of the servers' own code. The dots are other contracts on the same topology: what you would trade for what.",
    },
    {
      at: "takeaway",
      title: "Take it with you",
      text: "design.md has the contract, the numbers and what happens in a partition; the drawings are SVG.",
    },
  ],
};

const [step, setStep] = createSignal<number>();
const [steps, setSteps] = createSignal<readonly TourStep[]>([]);

function partOf({ at }: TourStep): Element | null {
  return document.querySelector(`[data-tour="${at}"]`);
}

/** What the page does not show at the moment is passed over. */
export function beginTour(): void {
  setSteps(tours[page()].filter((known) => partOf(known) !== null));
  setStep(0);
}

export function Tour(): JSX.Element {
  const now = (): TourStep | undefined => {
    const at = step();
    return at === undefined ? undefined : steps()[at];
  };
  createEffect(() => {
    page();
    setStep(undefined);
  });
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === "Escape") setStep(undefined);
  };
  document.addEventListener("keydown", onKey);
  onCleanup(() => document.removeEventListener("keydown", onKey));
  createEffect(() => {
    const shown = now();
    if (shown === undefined) return;
    const spot = partOf(shown);
    spot?.classList.add("tour-spot");
    spot?.scrollIntoView({ block: "nearest", behavior: reducedMotion() ? "auto" : "smooth" });
    onCleanup(() => spot?.classList.remove("tour-spot"));
  });
  return (
    <Show when={now()}>
      {(shown) => (
        <dialog open class="tour stack" aria-label="Tour">
          <div aria-live="polite" class="stack">
            <h2>{shown().title}</h2>
            <p>{shown().text}</p>
          </div>
          <div class="row">
            <span class="soft small">
              {step()! + 1} of {steps().length}
            </span>
            <button class="b quiet" type="button" onClick={() => setStep(undefined)}>
              Close
            </button>
            <button
              class="b primary"
              type="button"
              ref={(button) => requestAnimationFrame(() => button.focus({ preventScroll: true }))}
              onClick={() => setStep((at) => ((at ?? 0) + 1 < steps().length ? (at ?? 0) + 1 : undefined))}
            >
              {step()! + 1 < steps().length ? "Next" : "Done"}
            </button>
          </div>
        </dialog>
      )}
    </Show>
  );
}
