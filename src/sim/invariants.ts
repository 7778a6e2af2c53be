import { InvariantError, type NodeId } from "../base/index.ts";
import type { NodeCore, NodeFact } from "../node/index.ts";
import { GroupInvariants } from "../raft/index.ts";

/** A process that is watched, on a machine of any world. */
interface Machine {
  readonly id: NodeId;
  readonly core: NodeCore | undefined;
}

/** Entries are compared through their term, timestamp and predecessor: equal ones follow equal ones. */
interface Seen {
  readonly previousTerm: number;
  readonly timestamp: number;
}

/** Below this many entries in an index space, a position and a term make one exact whole number. */
const termScale = 2 ** 26;
/** How often the whole states of replicas are compared: at every so many applied entries. */
const digestEvery = 64;

/**
 * What must hold between the nodes of the cluster at every moment: election safety, log matching, leader
 * completeness, state-machine safety (thesis, figure 3.2), and equal states at equal positions.
 */
export class ClusterInvariants {
  readonly #group = new GroupInvariants();
  readonly #seen = new Map<number, Seen>();
  /** The digest of the state after an index, and who showed it first. */
  readonly #states = new Map<number, { readonly digest: string; readonly node: NodeId }>();
  #changed: { machine: Machine; fact: NodeFact }[] = [];

  /** Takes note of a fact; what it means is looked at when the step is over. */
  onFact(machine: Machine, fact: NodeFact): void {
    if (fact.type === "applied") this.#changed.push({ machine, fact });
    else if (fact.type === "raft") {
      const { type } = fact.fact;
      if (type === "roleChanged") this.#group.onFact(machine.id, fact.fact);
      if (
        type === "appended" ||
        type === "snapshotInstalled" ||
        (type === "roleChanged" && fact.fact.role === "leader")
      ) {
        this.#changed.push({ machine, fact });
      }
    }
  }

  /** Looks at what the step changed. Throws an InvariantError. */
  onStepped(): void {
    if (this.#changed.length === 0) return;
    const changed = this.#changed;
    this.#changed = [];
    for (const { machine, fact } of changed) {
      const replica = machine.core?.replicas.get(0);
      if (!replica) continue;
      if (fact.type === "applied") {
        this.#onApplied(machine, fact.index, fact.count);
        if (fact.index % digestEvery === 0) this.compareState(machine);
      } else if (fact.type !== "raft") continue;
      else if (fact.fact.type === "appended") this.#onAppended(machine, fact.fact.first, fact.fact.last);
      else if (fact.fact.type === "snapshotInstalled") this.compareState(machine);
      else this.#group.checkLeader(replica.raft);
    }
  }

  /** Log matching, by induction: the same index and term anywhere means the same entry and the same predecessor. */
  #onAppended(machine: Machine, first: number, last: number): void {
    const { raft } = machine.core!.replicas.get(0)!;
    for (let index = Math.max(first, raft.firstIndex); index <= Math.min(last, raft.lastIndex); index++) {
      const entry = raft.entryAt(index);
      const previousTerm = raft.termAt(index - 1);
      if (!entry || previousTerm === undefined) continue;
      const name = index * termScale + entry.term;
      const known = this.#seen.get(name);
      if (known === undefined) this.#seen.set(name, { previousTerm, timestamp: entry.timestamp });
      else if (known.previousTerm !== previousTerm || known.timestamp !== entry.timestamp) {
        throw new InvariantError(
          `log matching: node ${machine.id} holds another entry ${index} of term ${entry.term} than was seen before, or after another one`,
        );
      }
    }
  }

  #onApplied(machine: Machine, index: number, count: number): void {
    const { raft } = machine.core!.replicas.get(0)!;
    for (let at = index - count + 1; at <= index; at++) {
      const entry = raft.entryAt(at);
      if (entry) this.#group.onCommitted(machine.id, raft.term, [entry]);
    }
  }

  /** Replicas that applied the same entries hold the same state. */
  compareState(machine: Machine): void {
    const { store } = machine.core!.replicas.get(0)!;
    const { index } = store.applied;
    const digest = store.digest();
    const known = this.#states.get(index);
    if (known === undefined) this.#states.set(index, { digest, node: machine.id });
    else if (known.digest !== digest) {
      throw new InvariantError(
        `equal states: after entry ${index} nodes ${known.node} and ${machine.id} hold different states`,
      );
    }
  }
}
