/** What Prometheus may scrape: gauges read from the status at scrape time, counters fed by facts and requests. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Host, NodeStatus } from "../host/index.ts";
import type { GroupStatus, NodeFact } from "../node/index.ts";

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
  /** Counts one HTTP request. Cheap: a route's observers are made once. */
  observerOf(route: string, method: string): (outcome: string, seconds: number) => void;
  close(): void;
}

type GroupGauge = readonly [name: string, help: string, value: (group: GroupStatus) => number | undefined];

const groupGauges: readonly GroupGauge[] = [
  ["cohort_raft_term", "Current term.", (group) => group.term],
  ["cohort_raft_is_leader", "1 on the leader of the group.", (group) => (group.role === "leader" ? 1 : 0)],
  ["cohort_raft_has_leader", "1 where the node knows a leader.", (group) => (group.leader === undefined ? 0 : 1)],
  ["cohort_raft_first_index", "First entry still in the log.", (group) => group.firstIndex],
  ["cohort_raft_last_index", "Last entry of the log.", (group) => group.lastIndex],
  ["cohort_raft_commit_index", "Last entry known to be committed.", (group) => group.commitIndex],
  ["cohort_raft_applied_index", "Last entry applied to the state machine.", (group) => group.appliedIndex],
  ["cohort_wal_durable_index", "Last entry that is durable in the write-ahead log.", (group) => group.durableIndex],
  [
    "cohort_store_checkpoint_index",
    "Last entry whose effects are durable in the store.",
    (group) => group.checkpointIndex,
  ],
  ["cohort_store_revision", "Revision of the store.", (group) => group.revision],
  [
    "cohort_staleness_seconds",
    "Upper bound of how old this replica's state is; absent where it is not known.",
    (group) => (group.stalenessMs === undefined ? undefined : group.stalenessMs / 1000),
  ],
];

/** Seconds. From a local read to the longest deadline. */
const latencyBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

export function nodeMetrics(host: Host): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ node: String(host.config.nodeId) });
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const status = once(() => host.status());
  addGroupGauges(registry, status);
  addNodeGauges(registry, status);
  addQuorumGauges(registry, status);

  const requests = new Histogram({
    name: "cohort_request_duration_seconds",
    help: "HTTP requests by route and outcome (ok, or the code of the error).",
    labelNames: ["method", "route", "outcome"],
    buckets: latencyBuckets,
    registers,
  });
  const stopFacts = host.onFact(countFacts(registry));
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    observerOf: (route, method) => {
      const observers = new Map<string, { observe(seconds: number): void }>();
      return (outcome, seconds) => {
        let observer = observers.get(outcome);
        if (observer === undefined) {
          observer = requests.labels({ method, route, outcome });
          observers.set(outcome, observer);
        }
        observer.observe(seconds);
      };
    },
    close: stopFacts,
  };
}

/** All gauges of one scrape look at one status. */
function once(read: () => NodeStatus): () => NodeStatus {
  let last: NodeStatus | undefined;
  return () => {
    if (last === undefined) {
      last = read();
      queueMicrotask(() => (last = undefined));
    }
    return last;
  };
}

function addGroupGauges(registry: Registry, status: () => NodeStatus): void {
  for (const [name, help, value] of groupGauges) {
    new Gauge({
      name,
      help,
      labelNames: ["group"],
      registers: [registry],
      collect() {
        this.reset();
        for (const group of status().groups) {
          const current = value(group);
          if (current !== undefined) this.set({ group: String(group.group) }, current);
        }
      },
    });
  }
  new Gauge({
    name: "cohort_raft_follower_lag_entries",
    help: "On a leader: entries that a follower is behind.",
    labelNames: ["group", "follower"],
    registers: [registry],
    collect() {
      this.reset();
      for (const { group, followers } of status().groups) {
        for (const { node, lagEntries } of followers)
          this.set({ group: String(group), follower: String(node) }, lagEntries);
      }
    },
  });
}

/** Keyspaces without a leader: how far the other replicas are, as this one sees them. */
function addQuorumGauges(registry: Registry, status: () => NodeStatus): void {
  type Peer = NodeStatus["quorums"][number]["peers"][number];
  const perPeer = (name: string, help: string, value: (peer: Peer) => number | undefined): void => {
    new Gauge({
      name,
      help,
      labelNames: ["keyspace", "peer"],
      registers: [registry],
      collect() {
        this.reset();
        for (const { keyspace, peers } of status().quorums) {
          for (const peer of peers) {
            const current = value(peer);
            if (current !== undefined) this.set({ keyspace, peer: String(peer.node) }, current);
          }
        }
      },
    });
  };
  perPeer(
    "cohort_quorum_lag_seconds",
    "How long ago a replica last was known to have all that this one had.",
    ({ lagMs }) => lagMs && lagMs / 1000,
  );
  perPeer("cohort_quorum_hints", "Names that this node keeps for a replica that is away.", ({ hints }) => hints);
}

function addNodeGauges(registry: Registry, status: () => NodeStatus): void {
  const perLink = (name: string, help: string, value: (link: NodeStatus["links"][number]) => number): void => {
    new Gauge({
      name,
      help,
      labelNames: ["peer"],
      registers: [registry],
      collect() {
        for (const link of status().links) this.set({ peer: String(link.peer) }, value(link));
      },
    });
  };
  perLink("cohort_peer_connected", "1 while the link to the peer is up.", (link) => (link.connected ? 1 : 0));
  perLink("cohort_peer_queued_bytes", "Bytes that wait to be sent to the peer.", (link) => link.queuedBytes);
  new Gauge({
    name: "cohort_storage_full",
    help: "1 while the disk of the log is full.",
    registers: [registry],
    collect() {
      this.set(status().storage.full ? 1 : 0);
    },
  });
  new Gauge({
    name: "cohort_build_info",
    help: "Always 1; the version is a label.",
    labelNames: ["version"],
    registers: [registry],
    collect() {
      this.set({ version: status().version }, 1);
    },
  });
}

function countFacts(registry: Registry): (fact: NodeFact) => void {
  const registers = [registry];
  const leaderChanges = new Counter({
    name: "cohort_leader_changes_total",
    help: "Times a group got another leader.",
    labelNames: ["group"],
    registers,
  });
  const entries = new Counter({
    name: "cohort_raft_entries_total",
    help: "Entries that were appended to the log.",
    labelNames: ["group"],
    registers,
  });
  const reads = new Counter({
    name: "cohort_reads_total",
    help: "Reads that were served, by path.",
    labelNames: ["path"],
    registers,
  });
  const checkpoints = new Counter({
    name: "cohort_store_checkpoints_total",
    help: "Checkpoints, by outcome.",
    labelNames: ["outcome"],
    registers,
  });
  const snapshots = new Counter({
    name: "cohort_raft_snapshots_total",
    help: "Snapshots sent and installed.",
    labelNames: ["event"],
    registers,
  });
  const leaders = new Map<number, number>();
  return (fact) => {
    switch (fact.type) {
      case "readServed":
        reads.inc({ path: fact.path }, fact.count);
        break;
      case "checkpointed":
        checkpoints.inc({ outcome: "ok" });
        break;
      case "checkpointFailed":
        checkpoints.inc({ outcome: "failed" });
        break;
      case "raft": {
        const { group, fact: inner } = fact;
        if (inner.type === "appended") entries.inc({ group: String(group) }, inner.last - inner.first + 1);
        else if (inner.type === "snapshotSent" || inner.type === "snapshotInstalled") {
          snapshots.inc({ event: inner.type === "snapshotSent" ? "sent" : "installed" });
        } else if (inner.type === "roleChanged" && inner.leader !== undefined && leaders.get(group) !== inner.leader) {
          leaders.set(group, inner.leader);
          leaderChanges.inc({ group: String(group) });
        }
        break;
      }
      default:
        break;
    }
  };
}
