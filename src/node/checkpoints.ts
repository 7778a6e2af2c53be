import type { LogIndex } from "../base/index.ts";
import type { Replica } from "./replica.ts";
import type { JobError } from "./types.ts";

/** Brings applied state to the engine, some time after it changed or when much has, and then cuts the log. A group in which nothing happens costs nothing. */
export class Checkpoints {
  readonly #replica: Replica;
  /** Up to where the engine has it durably. */
  index: LogIndex;
  #running = false;
  #dueAt: number | undefined;

  constructor(replica: Replica, index: LogIndex) {
    this.#replica = replica;
    this.index = index;
  }

  get wakeAt(): number | undefined {
    return this.#running ? undefined : this.#dueAt;
  }

  onApplied(): void {
    const { now, config } = this.#replica;
    this.#dueAt ??= now.mono + config.checkpointIntervalMs;
  }

  /** End of the turn. */
  flush(): void {
    if (this.#running || this.#dueAt === undefined) return;
    const replica = this.#replica;
    const { store, now, config } = replica;
    if (now.mono < this.#dueAt && store.dirtyBytes < config.checkpointBytes) return;
    const { index } = store.applied;
    replica.job(
      (done) => store.commit(done),
      (error) => this.#onDone(index, error),
    );
    this.#running = true;
    if (replica.planted("compacts-before-checkpoint"))
      replica.drive({ kind: "command", command: { type: "compact", index } });
    this.#dueAt = undefined;
  }

  #onDone(index: LogIndex, error: JobError | undefined): void {
    this.#running = false;
    const { group, now, config, sink, store } = this.#replica;
    if (error) {
      // What is not in the engine yet stays in memory and in the log: the next try takes all of it.
      this.#dueAt = now.mono + config.checkpointIntervalMs;
      sink.fact({ type: "checkpointFailed", group, index, error });
      return;
    }
    this.index = index;
    sink.fact({ type: "checkpointed", group, index });
    this.#replica.drive({ kind: "command", command: { type: "compact", index } });
    if (store.dirtyBytes > 0) this.#dueAt ??= now.mono + config.checkpointIntervalMs;
  }
}
