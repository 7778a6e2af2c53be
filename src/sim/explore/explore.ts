import { InvariantError } from "../../base/index.ts";
import { reportPage } from "../report.ts";
import { Timeline } from "../timeline.ts";
import type { Choice } from "./choice.ts";
import type { Setting } from "./setting.ts";
import { BrokenPath } from "./parts.ts";
import { Universe } from "./universe.ts";

export interface ExploreOptions {
  /** How many choices after the beginning. */
  readonly depth: number;
  /** Whether the search begins with a leader that everyone follows, or with nodes that have just started. */
  readonly from: "start" | "leader";
  readonly maxStates: number;
  /** Asked now and then: whether time is up. */
  readonly isOver: () => boolean;
  readonly onProgress: (progress: ExploreProgress) => void;
}

export interface ExploreProgress {
  /** Choices of the paths that are being looked at. */
  readonly depth: number;
  /** Different states so far. */
  readonly states: number;
  /** Steps tried so far; those beyond the states led to a state that was known. */
  readonly transitions: number;
}

export interface ExploreResult extends ExploreProgress {
  /** Every path of this length, and all shorter ones, were tried. */
  readonly completeDepth: number;
  readonly complete: boolean;
  readonly counterexample: Counterexample | undefined;
}

/** The fewest choices that break something. */
export interface Counterexample {
  readonly clause: string;
  readonly detail: string;
  /** What happens before the search begins. */
  readonly prefix: readonly Choice[];
  readonly choices: readonly Choice[];
}

interface Path {
  readonly before: Path | undefined;
  readonly choice: Choice | undefined;
}

/** How often `isOver` is asked: once in so many steps. */
const askEvery = 256;
const mostPrefix = 200;

/**
 * Tries every order in which things can happen in a small world, shorter ones first, so that the first failure has the
 * fewest steps. A state that was reached before is not looked at again: what can follow is known. States are kept as
 * the choices that lead to them, and made again when needed (stateless model checking, Godefroid, 1997).
 */
export function explore(setting: Setting, options: ExploreOptions): ExploreResult {
  const prefix = options.from === "leader" ? pathToLeader(setting) : [];
  const seen = new Set<string>([replay(setting, prefix, undefined).fingerprint()]);
  let frontier: Path[] = [{ before: undefined, choice: undefined }];
  let transitions = 0;
  for (let depth = 1; depth <= options.depth && frontier.length > 0; depth++) {
    const next: Path[] = [];
    const result = (counterexample?: Counterexample): ExploreResult => ({
      depth,
      states: seen.size,
      transitions,
      completeDepth: depth - 1,
      complete: false,
      counterexample,
    });
    for (const path of frontier) {
      const here = replay(setting, prefix, path);
      const enabled = here.enabled();
      for (const [place, choice] of enabled.entries()) {
        transitions++;
        const universe = place === enabled.length - 1 ? here : replay(setting, prefix, path);
        const failure = tryOut(universe, choice);
        const longer: Path = { before: path, choice };
        if (failure) return result({ ...failure, prefix, choices: choicesOf(longer) });
        const fingerprint = universe.fingerprint();
        if (seen.has(fingerprint)) continue;
        seen.add(fingerprint);
        next.push(longer);
        if (transitions % askEvery !== 0 && seen.size < options.maxStates) continue;
        options.onProgress({ depth, states: seen.size, transitions });
        if (seen.size >= options.maxStates || options.isOver()) return result();
      }
    }
    frontier = next;
  }
  const { depth } = options;
  return { depth, states: seen.size, transitions, completeDepth: depth, complete: true, counterexample: undefined };
}

/** A deterministic beginning: the first node is elected, and everyone has its first entry. */
function pathToLeader(setting: Setting): Choice[] {
  const universe = new Universe(setting);
  const prefix: Choice[] = [];
  while (!universe.settled) {
    if (prefix.length >= mostPrefix)
      throw new InvariantError("liveness: no leader is elected although nothing goes wrong");
    const enabled = universe.enabled();
    const choice =
      enabled.find(({ kind }) => kind === "persist") ??
      enabled.find(({ kind }) => kind === "deliver") ??
      enabled.find(({ kind }) => kind === "timer");
    if (choice === undefined) throw new InvariantError("liveness: nothing can happen any more");
    universe.apply(choice);
    prefix.push(choice);
  }
  return prefix;
}

function choicesOf(path: Path | undefined): Choice[] {
  const choices: Choice[] = [];
  for (let at = path; at?.choice !== undefined; at = at.before) choices.push(at.choice);
  return choices.reverse();
}

function replay(setting: Setting, prefix: readonly Choice[], path: Path | undefined): Universe {
  const universe = new Universe(setting);
  universe.replay(prefix);
  universe.begin();
  universe.replay(choicesOf(path));
  return universe;
}

function tryOut(universe: Universe, choice: Choice): { clause: string; detail: string } | undefined {
  try {
    universe.apply(choice);
    return undefined;
  } catch (error) {
    if (error instanceof BrokenPath) return { clause: error.complaint.clause, detail: error.complaint.detail };
    if (!(error instanceof InvariantError)) throw error;
    const [clause = "invariant", ...rest] = error.message.split(": ");
    return rest.length > 0 ? { clause, detail: rest.join(": ") } : { clause: "invariant", detail: error.message };
  }
}

/** The counterexample in words, one line a choice, and as a page with its space-time diagram. */
export function tellCounterexample(
  setting: Setting,
  counterexample: Counterexample,
  again: string,
): { lines: string[]; page: string } {
  const { clause, detail, prefix, choices } = counterexample;
  const clients = setting.clients.map((_, client) => -1 - client);
  const timeline = new Timeline(setting.nodes, clients, false, "step");
  const universe = new Universe(setting, timeline);
  for (const choice of prefix) universe.apply(choice);
  universe.begin();
  const lines = choices.map((choice) => {
    const line = universe.describe(choice);
    tryOut(universe, choice);
    return line;
  });
  const page = reportPage({
    title: `${setting.scenario}, explored`,
    failure: { clause, detail, atMs: Number.POSITIVE_INFINITY },
    again,
    parts: [
      ...(setting.bugs.length > 0 ? [{ heading: "Mistakes that were planted", lines: setting.bugs }] : []),
      { heading: `The fewest steps that break it: ${lines.length}, after ${prefix.length} that elect a leader`, lines },
      { heading: "Where the nodes stand in the end", lines: universe.state() },
    ],
    timeline,
  });
  return { lines, page };
}
