/** Groups without replication, and coordinators that can die: from the store's point of view there is nothing else. */
import { fromUtf8, type GroupId, type Reading, utf8 } from "../base/index.ts";
import { timestampOf } from "../clock/index.ts";
import type { Outcome } from "../contract/index.ts";
import { memoryEngine, openStore, type Store } from "../store/index.ts";
import { crc32c } from "../wal/index.ts";
import { type CoordinatedGroup, Coordinator } from "./coordinator.ts";

export const epochMs = 1_000_000;

export class Cluster {
  nowMs = 0;
  readonly stores = new Map<GroupId, Store>();
  /** Questions on their way. */
  readonly queue: (() => void)[] = [];
  asked = 0;

  constructor() {
    for (const group of [1, 2, 3])
      this.stores.set(group, openStore(memoryEngine({ schedule: (deliver) => deliver() }), { crc32c }));
  }

  get now(): Reading {
    return { mono: this.nowMs, wall: epochMs + this.nowMs, error: 5 };
  }

  apply(group: GroupId, command: Uint8Array): Uint8Array {
    const store = this.stores.get(group)!;
    const timestamp = timestampOf(this.now.wall);
    return store.apply({ index: store.applied.index + 1, term: 1, timestamp, data: command });
  }

  groups(): CoordinatedGroup[] {
    return [...this.stores].map(([group, store]) => ({ group, store, requestSelf: () => {} }));
  }

  run(forMs: number, ...coordinators: readonly Coordinator[]): void {
    for (const end = this.nowMs + forMs; this.nowMs < end; this.nowMs++) {
      for (const coordinator of coordinators) coordinator.flush(this.groups());
      for (const deliver of this.queue.splice(0)) deliver();
    }
  }

  read(group: GroupId, key: string): string | undefined {
    const value = this.stores.get(group)!.get("default", utf8(key))?.value;
    return value && fromUtf8(value);
  }

  unfinished(): number {
    return [...this.stores.values()].reduce((sum, store) => sum + store.unfinishedCount, 0);
  }
}

/** `survives` questions go through before its node dies; undefined: it does not. */
export function coordinatorOf(cluster: Cluster, survives?: number): Coordinator {
  let left = survives ?? Number.POSITIVE_INFINITY;
  const groupOf = (group: GroupId): CoordinatedGroup => ({
    group,
    store: cluster.stores.get(group)!,
    requestSelf(reply, _, command) {
      if (left-- <= 0) return;
      cluster.asked++;
      cluster.queue.push(() => {
        const result = cluster.apply(group, command);
        const kept = { guarantee: "Linearizable", position: 0, stalenessMs: 0, degraded: false };
        if (left >= 0) reply({ ok: true, result, kept } satisfies Outcome);
      });
    },
  });
  return new Coordinator({
    id: 1,
    get now() {
      return cluster.now;
    },
    replica: groupOf,
    leaders: () => (survives === undefined ? [1, 2, 3].map(groupOf) : []),
    planted: () => false,
  });
}
