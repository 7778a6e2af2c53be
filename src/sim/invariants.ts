import { InvariantError, type GroupId, type NodeId } from "../base/index.ts";
import type { NodeCore, NodeFact } from "../node/index.ts";
import { GroupInvariants } from "../raft/index.ts";

type Replica = NonNullable<ReturnType<NodeCore["replicas"]["get"]>>;

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

/** What must hold of one group. */
class OneGroup {
  readonly #id: GroupId;
  readonly #group = new GroupInvariants();
  readonly #seen = new Map<number, Seen>();
  /** The digest of the state after an index, and who showed it first. */
  readonly #states = new Map<number, { readonly digest: string; readonly node: NodeId }>();

  constructor(id: GroupId) {
    this.#id = id;
  }

  #replica(machine: Machine): Replica | undefined {
    return machine.core?.replicas.get(this.#id);
  }

  onRole(machine: Machine, fact: Extract<NodeFact, { type: "raft" }>["fact"]): void {
    this.#group.onFact(machine.id, fact);
  }

  onChanged(machine: Machine, fact: NodeFact): void {
    const replica = this.#replica(machine);
    if (!replica) return;
    if (fact.type === "applied") {
      this.#onApplied(machine, replica, fact.index, fact.count);
      if (fact.index % digestEvery === 0) this.compareState(machine);
    } else if (fact.type === "raft") {
      if (fact.fact.type === "appended") this.#onAppended(machine, replica, fact.fact.first, fact.fact.last);
      else if (fact.fact.type === "snapshotInstalled") this.compareState(machine);
      else this.#group.checkLeader(replica.raft);
    }
  }

  /** Log matching, by induction: the same index and term anywhere means the same entry and the same predecessor. */
  #onAppended(machine: Machine, { raft }: Replica, first: number, last: number): void {
    for (let index = Math.max(first, raft.firstIndex); index <= Math.min(last, raft.lastIndex); index++) {
      const entry = raft.entryAt(index);
      const previousTerm = raft.termAt(index - 1);
      if (!entry || previousTerm === undefined) continue;
      const name = index * termScale + entry.term;
      const known = this.#seen.get(name);
      if (known === undefined) this.#seen.set(name, { previousTerm, timestamp: entry.timestamp });
      else if (known.previousTerm !== previousTerm || known.timestamp !== entry.timestamp) {
        throw new InvariantError(
          `log matching: node ${machine.id} holds${inGroup(this.#id)} another entry ${index} of term ${entry.term} than was seen before, or after another one`,
        );
      }
    }
  }

  #onApplied(machine: Machine, { raft }: Replica, index: number, count: number): void {
    for (let at = index - count + 1; at <= index; at++) {
      const entry = raft.entryAt(at);
      if (entry) this.#group.onCommitted(machine.id, raft.term, [entry]);
    }
  }

  /** Replicas that applied the same entries hold the same state. */
  compareState(machine: Machine): void {
    const store = this.#replica(machine)?.store;
    if (!store) return;
    const { index } = store.applied;
    const digest = store.digest();
    const known = this.#states.get(index);
    if (known === undefined) this.#states.set(index, { digest, node: machine.id });
    else if (known.digest !== digest) {
      throw new InvariantError(
        `equal states: after entry ${index}${inGroup(this.#id)} nodes ${known.node} and ${machine.id} hold different states`,
      );
    }
  }
}

function inGroup(group: GroupId): string {
  return group === 0 ? "" : ` in group ${group}`;
}

/**
 * What must hold between the nodes of the cluster at every moment, in each group: election safety, log matching,
 * leader completeness, state-machine safety (thesis, figure 3.2), and equal states at equal positions.
 */
export class ClusterInvariants {
  readonly #groups = new Map<GroupId, OneGroup>();
  #changed: { machine: Machine; group: GroupId; fact: NodeFact }[] = [];

  #group(id: GroupId): OneGroup {
    let group = this.#groups.get(id);
    if (group === undefined) this.#groups.set(id, (group = new OneGroup(id)));
    return group;
  }

  /** Takes note of a fact; what it means is looked at when the step is over. */
  onFact(machine: Machine, fact: NodeFact): void {
    if (fact.type === "applied") this.#changed.push({ machine, group: fact.group, fact });
    else if (fact.type === "raft") {
      const { type } = fact.fact;
      if (type === "roleChanged") this.#group(fact.group).onRole(machine, fact.fact);
      if (
        type === "appended" ||
        type === "snapshotInstalled" ||
        (type === "roleChanged" && fact.fact.role === "leader")
      ) {
        this.#changed.push({ machine, group: fact.group, fact });
      }
    }
  }

  /** Looks at what the step changed. Throws an InvariantError. */
  onStepped(): void {
    if (this.#changed.length === 0) return;
    const changed = this.#changed;
    this.#changed = [];
    for (const { machine, group, fact } of changed) this.#group(group).onChanged(machine, fact);
  }

  /** Replicas that applied the same entries hold the same state. */
  compareState(machine: Machine): void {
    for (const group of machine.core?.replicas.keys() ?? []) this.#group(group).compareState(machine);
  }
}
