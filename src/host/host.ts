import { setTimeout as sleep } from "node:timers/promises";
import { seededRandom, type GroupId, type Random } from "../base/index.ts";
import { defaultNodeSettings, fromLogRecord, openNode, type NodeConfig, type NodeFact } from "../node/index.ts";
import { DamagedStateError, openStore, PartitionedEngine, type Engine, type Store } from "../store/index.ts";
import { openWal, type Crc32c, type Disk, type Wal, type WalFact } from "../wal/index.ts";
import { chronyError, type ClockErrorSource, configuredError } from "./clock-error.ts";
import { HostClock, systemClock } from "./clock.ts";
import { Driver, type WatchTarget } from "./driver.ts";
import type { Logger } from "./logger.ts";
import { openNative, type NativeServer } from "./native.ts";
import { openPeers, type Peers } from "./peers.ts";
import { StartupError } from "./startup-error.ts";
import { Submissions } from "./submissions.ts";
import type { Host, HostConfig, MemberAddress, NodeStatus, WatchHandle, WatchSink } from "./types.ts";

export interface HostOptions {
  /** What `status` says this is. */
  readonly version?: string;
  /** Called when this node cannot go on (its log failed, or an invariant broke). Default: exits the process with code 1. */
  readonly onFatal?: (error: unknown) => void;
}

/** The storage of a node, open and its own alone. */
export interface HostStorage {
  readonly disk: Disk;
  readonly engine: Engine;
  /** Opens the engine that groups of shards share: it is missing, or empty, until there is one. */
  readonly openShards: () => Engine;
  /** Of the keyspaces without a leader. */
  readonly rings: Engine;
  readonly crc32c: Crc32c;
  /** Lets another process have it. */
  release(): void;
  /** What this node had promised was lost: it has to rejoin, and says so when it has. */
  readonly rejoin?: { readonly done: () => void };
  /** The applied state is damaged: the next start has to put it aside. */
  readonly onDamage?: (reason: string) => void;
}

/** How long a stopping leader looks for a successor, and then for what is under way to end. */
const handOverMs = 2000;
const settleMs = 1000;
const retryStorageMs = 1000;
/** What a command has beside its key and value, at most: an envelope, names. */
const commandOverheadBytes = 4096;

/** Starts a node on storage that is open, and closes it whatever happens. Rejects with a StartupError, or a WalError. */
export async function startHost(
  config: HostConfig,
  logger: Logger,
  storage: HostStorage,
  options: HostOptions = {},
): Promise<Host> {
  const running = new RunningNode(config, logger, storage, options);
  try {
    return await running.start();
  } catch (error) {
    await running.stop();
    throw error;
  }
}

/** One node, from its parts to its end. */
class RunningNode {
  readonly #config: HostConfig;
  readonly #logger: Logger;
  readonly #storage: HostStorage;
  readonly #options: HostOptions;
  readonly #startedAt = performance.now();
  readonly #random: Random = seededRandom(Math.floor(Math.random() * Number.MAX_SAFE_INTEGER));
  #wal: Wal | undefined;
  readonly #stores: Store[] = [];
  /** The engine of all groups of shards. */
  #shards: PartitionedEngine | undefined;
  #driver: Driver | undefined;
  #clockError: ClockErrorSource | undefined;
  #peers: Peers | undefined;
  #native: NativeServer | undefined;
  /** Why the log takes nothing; undefined: it does. */
  #stalled: string | undefined;
  #retryTimer: NodeJS.Timeout | undefined;

  constructor(config: HostConfig, logger: Logger, storage: HostStorage, options: HostOptions) {
    this.#config = config;
    this.#logger = logger;
    this.#storage = storage;
    this.#options = options;
  }

  async start(): Promise<Host> {
    const { clusterId, nodeId, members } = this.#config;
    const self = members.find(({ id }) => id === nodeId);
    if (self === undefined) {
      throw new StartupError(
        "bad-configuration",
        `node ${nodeId} is not among the members`,
        "Add it to `members` in its configuration.",
      );
    }
    const driver = this.#openDriver();
    this.#driver = driver;
    this.#peers = await this.#openPeers(self, driver);
    this.#native = await this.#openNative(self, driver);
    driver.onFact((fact) => this.#onFact(fact));
    driver.start();
    this.#logger.info({ nodeId, clusterId, peer: self.peer, native: self.native }, "node started");
    return this.#face(driver);
  }

  /** Closes what is open, in order, and makes everything durable. */
  async stop(): Promise<void> {
    this.#driver?.stop();
    this.#clockError?.close();
    this.#native?.close();
    this.#peers?.close();
    clearTimeout(this.#retryTimer);
    const wal = this.#wal;
    if (wal !== undefined) this.#complain(await ended((done) => wal.close(done)), "the log did not close cleanly");
    for (let waited = 0; this.#jobsRun() && waited < settleMs; waited += 5) await sleep(5);
    const dirty = this.#jobsRun() ? [] : this.#stores.filter((store) => store.applied.index > store.committedIndex);
    const errors = await Promise.all(dirty.map((store) => ended((done) => void store.commit(done))));
    for (const error of errors) this.#complain(error, "the last checkpoint failed: the log will be applied again");
    await ended((done) => this.#storage.engine.close(done));
    const shards = this.#shards;
    if (shards !== undefined) await ended((done) => shards.engine.close(done));
    await ended((done) => this.#storage.rings.close(done));
    this.#storage.release();
  }

  #jobsRun(): boolean {
    return (this.#driver?.jobs ?? 0) > 0;
  }

  #complain(error: unknown, message: string): void {
    if (error !== undefined) this.#logger.error({ error }, message);
  }

  // ---- Parts -----------------------------------------------------------------------------------------

  #openDriver(): Driver {
    const { clusterId, nodeId, segmentSizeBytes, members, learners, clockErrorMs, clockErrorSource } = this.#config;
    const { electionTimeoutMs, heartbeatMs, leases } = this.#config;
    const { disk, crc32c, engine } = this.#storage;
    const onFact = (fact: WalFact): void => this.#onWalFact(fact);
    const { wal, recovered } = openWal({ disk, crc32c, identity: { clusterId, nodeId }, segmentSizeBytes, onFact });
    this.#wal = wal;
    const store = openStore(engine, { crc32c });
    this.#stores.push(store);
    const voters = members.map(({ id }) => id).filter((id) => !learners.includes(id));
    const rejoining = this.#storage.rejoin !== undefined;
    const config: NodeConfig = {
      ...defaultNodeSettings,
      id: nodeId,
      bootstrap: { voters, outgoing: [], learners },
      raft: { ...defaultNodeSettings.raft, electionTimeoutMs, heartbeatMs, leases, rejoining },
      store,
      openShard: (group) => this.#openShard(group),
      rings: this.#storage.rings,
    };
    this.#clockError?.close();
    this.#clockError =
      clockErrorSource === "chrony" ? chronyError(clockErrorMs, systemClock) : configuredError(clockErrorMs);
    const clock = new HostClock(this.#clockError, (ms) => {
      this.#logger.warn({ ms }, "the wall clock was set: bounds on staleness are widened for a minute");
    });
    const records = [...recovered.values()].flat().map(fromLogRecord);
    return new Driver({
      core: openNode(config, records, this.#random.fork()),
      clock,
      wal,
      send: (to, message) => this.#peers?.send(to, message),
      onRejoined: () => {
        this.#logger.warn({}, "rejoined: what this disk had lost is here again, and this node counts as before");
        this.#storage.rejoin?.done();
      },
      onFatal: (error) => this.#onFatal(error),
    });
  }

  #openShard(group: GroupId): Store {
    this.#shards ??= new PartitionedEngine(this.#storage.openShards());
    const store = openStore(this.#shards.view(group), { crc32c: this.#storage.crc32c, group });
    this.#stores.push(store);
    return store;
  }

  #openPeers(self: MemberAddress, driver: Driver): Promise<Peers> {
    const { clusterId, nodeId, members } = this.#config;
    return openPeers({
      clusterId,
      nodeId,
      lifeId: this.#random.u32().toString(16).padStart(8, "0"),
      listen: self.peer,
      peers: members.filter(({ id }) => id !== nodeId).map(({ id, peer }) => ({ id, address: peer })),
      logger: this.#logger,
      random: this.#random.fork(),
      crc32c: this.#storage.crc32c,
      onMessage: (from, message) => driver.message(from, message),
      onSuspect: (node) => driver.command({ type: "suspect", node }),
    });
  }

  #openNative(self: MemberAddress, driver: Driver): Promise<NativeServer> {
    const { clusterId, nodeId, maxValueBytes, maxKeyBytes } = this.#config;
    const maxCommandBytes = maxValueBytes + maxKeyBytes + commandOverheadBytes;
    return openNative({ listen: self.native, clusterId, nodeId, driver, logger: this.#logger, maxCommandBytes });
  }

  #face(driver: Driver): Host {
    const submissions = new Submissions(driver);
    let closing: Promise<void> | undefined;
    return {
      config: this.#config,
      submit: (body, { timeoutMs, signal }) =>
        submissions.run((token) => driver.request(body, timeoutMs, submissions, token), signal),
      watch: (what, sink) => openWatch(driver, what, sink),
      transferLeadership: (to, timeoutMs) =>
        submissions.run((token) => driver.transfer(to, timeoutMs, submissions, token)),
      changeMembership: (voters, learners, timeoutMs) =>
        submissions.run((token) => driver.changeMembership({ voters, learners }, timeoutMs, submissions, token)),
      status: () => this.#status(driver),
      onFact: (watcher) => driver.onFact(watcher),
      setLinkFault: (fault) => this.#peers?.setFault(fault),
      clearLinkFaults: () => this.#peers?.clearFaults(),
      close: () => (closing ??= this.#close(driver, submissions)),
    };
  }

  #status(driver: Driver): NodeStatus {
    return {
      nodeId: this.#config.nodeId,
      clusterId: this.#config.clusterId,
      version: this.#options.version ?? "",
      pid: process.pid,
      uptimeMs: performance.now() - this.#startedAt,
      groups: driver.groups(),
      quorums: driver.quorums(),
      links: this.#peers?.links() ?? [],
      storage: { full: this.#stalled !== undefined, detail: this.#stalled },
    };
  }

  /** Hands over, and answers what is under way, before it stops. */
  async #close(driver: Driver, submissions: Submissions): Promise<void> {
    this.#native?.drain();
    if (driver.groups().some(({ role, membership }) => role === "leader" && membership.voters.length > 1)) {
      await this.#handOver(driver, submissions);
    }
    for (let waited = 0; driver.outstanding > 0 && waited < settleMs; waited += 10) await sleep(10);
    await this.stop();
    this.#logger.info({}, "node stopped");
  }

  async #handOver(driver: Driver, submissions: Submissions): Promise<void> {
    const alone = new AbortController();
    // Where the whole cluster stops at once there is nobody to hand over to.
    const watch = setInterval(() => {
      if (this.#peers?.links().every(({ connected }) => !connected) === true) alone.abort();
    }, 20);
    const begin = (token: number): number => driver.transfer(undefined, handOverMs, submissions, token);
    const outcome = await submissions.run(begin, alone.signal);
    clearInterval(watch);
    if (!outcome.ok) this.#logger.info({ reason: outcome.failure.detail }, "leadership was not handed over");
  }

  // ---- What the parts say ----------------------------------------------------------------------------

  #onFact(fact: NodeFact): void {
    if (fact.type === "raft" && fact.group === 0 && fact.fact.type === "roleChanged") {
      const { role, term, leader, reason } = fact.fact;
      this.#logger.info({ role, term, leader, reason }, "role");
      this.#native?.setLeader(this.#config.members.find(({ id }) => id === leader)?.native ?? "");
    } else if (fact.type === "checkpointFailed") this.#logger.error(fact, "a checkpoint failed; it is tried again");
    else if (fact.type === "restoreFailed") this.#logger.error(fact, "a received snapshot could not be taken over");
  }

  #onWalFact(fact: WalFact): void {
    switch (fact.kind) {
      case "failed":
        return this.#onFatal(new Error(`the log cannot be written: ${fact.error.message}`));
      case "stalled":
        this.#logger.error({ error: fact.error }, "the disk of the log is full: no writes until there is space");
        this.#stalled = fact.error.message;
        this.#driver?.command({ type: "storage", full: true });
        return this.#retryStorage();
      case "segment-refused":
        this.#logger.warn({ error: fact.error }, "there is no space for the next segment of the log");
        return this.#retryStorage();
      case "resumed":
        this.#logger.info({}, "the log has space again");
        this.#stalled = undefined;
        return this.#driver?.command({ type: "storage", full: false });
      case "tail-cut":
        return this.#logger.info(fact, "an interrupted write at the end of the log was removed");
      case "removal-failed":
        return this.#logger.warn(fact, "a segment of the log could not be removed");
      default:
        return undefined;
    }
  }

  #retryStorage(): void {
    this.#retryTimer ??= setTimeout(() => {
      this.#retryTimer = undefined;
      this.#wal?.retry();
      if (this.#wal?.stalled !== undefined) this.#retryStorage();
    }, retryStorageMs);
  }

  /** Nothing is acknowledged any more: what is durable is known only after a restart. */
  #onFatal(error: unknown): void {
    this.#driver?.abandon();
    this.#logger.error({ err: error }, "this node cannot go on");
    if (error instanceof DamagedStateError) this.#storage.onDamage?.(error.message);
    if (this.#options.onFatal !== undefined) this.#options.onFatal(error);
    else process.exit(1);
  }
}

function openWatch(driver: Driver, what: Parameters<Host["watch"]>[0], sink: WatchSink): WatchHandle {
  const target: WatchTarget = {
    onEvents: (_, events, revision) => sink.onEvents(events, revision),
    onWatchFailed: (_, problem) => sink.onFailure(problem),
  };
  const id = driver.watch(what, target, 0);
  return { credit: (count) => driver.credit(id, count), close: () => driver.unwatch(id) };
}

/** The error that a callback is called with, or undefined. */
function ended<E>(begin: (done: (error?: E) => void) => void): Promise<E | undefined> {
  return new Promise((resolve) => {
    begin((error) => resolve(error));
  });
}
