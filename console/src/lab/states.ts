/** Where every node stood after each event of a run: only changes are kept, so any moment is found by halves. */
import type { NodeState } from "../../../src/sim/index.ts";

interface Track {
  readonly steps: number[];
  readonly states: NodeState[];
}

export class StateLog {
  readonly #tracks: Track[] = [];

  /** Steps come in order; of one step the last word counts. */
  take(step: number, nodes: readonly NodeState[]): void {
    for (const [place, state] of nodes.entries()) {
      const track = (this.#tracks[place] ??= { steps: [], states: [] });
      const { steps, states } = track;
      if (steps.at(-1) === step) states[states.length - 1] = state;
      else if (!isSame(states.at(-1), state)) {
        steps.push(step);
        states.push(state);
      }
    }
  }

  /** After the event; before the first: nobody. */
  at(step: number): NodeState[] {
    return this.#tracks.flatMap(({ steps, states }) => {
      let low = 0;
      let high = steps.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (steps[middle]! <= step) low = middle + 1;
        else high = middle;
      }
      const state = states[low - 1];
      return state === undefined ? [] : [state];
    });
  }
}

function isSame(one: NodeState | undefined, other: NodeState): boolean {
  if (one?.life !== other.life) return false;
  const [a, b] = [one.group, other.group];
  if (a === undefined || b === undefined) return a === b;
  return (
    a.lastIndex === b.lastIndex &&
    a.commitIndex === b.commitIndex &&
    a.appliedIndex === b.appliedIndex &&
    a.term === b.term &&
    a.role === b.role &&
    a.leader === b.leader &&
    a.firstIndex === b.firstIndex &&
    a.voters === b.voters &&
    a.outgoing === b.outgoing &&
    a.lastTerms.length === b.lastTerms.length &&
    a.lastTerms.every((term, place) => term === b.lastTerms[place])
  );
}
