import { InvariantError, type LogIndex, type NodeId, type Term } from "../base/index.ts";
import type { Raft } from "./raft.ts";
import type { Entry, Fact } from "./types.ts";

/**
 * The invariants that need more than one replica to see (thesis, figure 3.2): election safety, log
 * matching, leader completeness, state-machine safety. One instance watches one group through a whole run,
 * across crashes and restarts of its members.
 */
export class GroupInvariants {
  /** Who led each term. */
  readonly #leaders = new Map<Term, NodeId>();
  /**
   * The term of each committed entry, and a term by which it was committed. That may be a later one: an entry of an
   * old term is committed with a newer one behind it, and a leader in between need not have it (thesis, section 3.6).
   */
  readonly #committed = new Map<LogIndex, { readonly term: Term; readonly by: Term }>();
  #highestCommit = 0;

  /** Takes note of a fact of one member; throws an InvariantError where it breaks election safety. */
  onFact(node: NodeId, fact: Fact): void {
    if (fact.type !== "roleChanged" || fact.role !== "leader") return;
    const known = this.#leaders.get(fact.term);
    if (known !== undefined && known !== node) {
      throw new InvariantError(`election safety: nodes ${known} and ${node} both lead term ${fact.term}`);
    }
    this.#leaders.set(fact.term, node);
  }

  /** Takes note of what one member applied in `by`, its term; throws where two members applied different entries at one index. */
  onCommitted(node: NodeId, by: Term, entries: readonly Entry[]): void {
    for (const entry of entries) {
      const known = this.#committed.get(entry.index);
      if (known !== undefined && known.term !== entry.term) {
        throw new InvariantError(
          `state-machine safety: node ${node} applies ${entry.index} of term ${entry.term}, another applied term ${known.term}`,
        );
      }
      if (known === undefined || by < known.by) this.#committed.set(entry.index, { term: entry.term, by });
      this.#highestCommit = Math.max(this.#highestCommit, entry.index);
    }
  }

  /** Leader completeness: a leader's log holds everything that was committed before its term began. */
  checkLeader(leader: Raft): void {
    if (leader.role !== "leader") return;
    for (let index = leader.firstIndex; index <= this.#highestCommit; index++) {
      const known = this.#committed.get(index);
      if (known === undefined || known.by > leader.term) continue;
      if (leader.termAt(index) !== known.term) {
        throw new InvariantError(
          `leader completeness: node ${leader.id} leads term ${leader.term} without entry ${index} of term ${known.term}`,
        );
      }
    }
  }

  /** Log matching: where two logs hold the same index and term, they agree on everything before it. */
  static checkLogs(one: Raft, other: Raft): void {
    let agree = false;
    const from = Math.max(one.firstIndex, other.firstIndex) - 1;
    for (let index = Math.min(one.lastIndex, other.lastIndex); index >= from; index--) {
      const same = one.termAt(index) === other.termAt(index);
      if (agree && !same)
        throw new InvariantError(
          `log matching: nodes ${one.id} and ${other.id} differ at ${index} below an entry they share`,
        );
      agree ||= same;
    }
  }
}
