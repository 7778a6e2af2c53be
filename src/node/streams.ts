import { emptyBytes, must, type NodeId } from "../base/index.ts";
import { decodeMembership, type SnapshotHead } from "../raft/index.ts";
import { type SnapshotReader, type SnapshotWriter, StoreError } from "../store/index.ts";
import type { Replica } from "./replica.ts";

/** Bytes of state in one chunk. */
const chunkBytes = 256 * 1024;

/** Snapshots on their way out to followers, and the one on its way in. */
export class SnapshotStreams {
  readonly #replica: Replica;
  readonly #readers = new Map<NodeId, { reader: SnapshotReader; head: SnapshotHead }>();
  #writer: SnapshotWriter | undefined;
  #finishing = false;

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  /** The end of a restore is under way: the store is about to be replaced. */
  get restoring(): boolean {
    return this.#finishing;
  }

  read(to: NodeId, cursor: Uint8Array): void {
    let stream = this.#readers.get(to);
    if (!stream || cursor.length === 0) {
      stream?.reader.close();
      const reader = this.#replica.store.snapshot();
      stream = {
        reader,
        head: {
          ...reader.position,
          ...(this.#replica.planted("snapshot-without-term") ? { term: 0 } : {}),
          membership: decodeMembership(must(reader.membership, "membership")),
        },
      };
      this.#readers.set(to, stream);
    }
    const { bytes, next, done } = stream.reader.read(cursor, chunkBytes);
    this.#replica.drive({
      kind: "command",
      command: {
        type: "snapshotData",
        to,
        head: stream.head,
        cursor,
        next: done ? emptyBytes : next,
        data: bytes,
        done,
      },
    });
  }

  close(to: NodeId): void {
    this.#readers.get(to)?.reader.close();
    this.#readers.delete(to);
  }

  install(head: SnapshotHead, first: boolean, data: Uint8Array, done: boolean): void {
    const { store } = this.#replica;
    if (first) {
      this.#writer?.abort();
      this.#writer = store.restore();
    }
    const writer = this.#writer;
    if (!writer) return this.#fail(head, "the stream has no beginning");
    try {
      writer.write(data);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return this.#fail(head, error.message);
    }
    if (!done) return;
    this.#writer = undefined;
    this.#finishing = true;
    this.#replica.job(
      (finished) => {
        try {
          writer.finish(finished);
        } catch (error) {
          if (!(error instanceof StoreError)) throw error;
          finished(error);
        }
      },
      (error) => {
        this.#finishing = false;
        if (error) this.#fail(head, error.message);
        else this.#replica.onRestored(head);
      },
    );
  }

  #fail(head: SnapshotHead, reason: string): void {
    this.#writer?.abort();
    this.#writer = undefined;
    this.#replica.sink.fact({ type: "restoreFailed", group: this.#replica.group, index: head.index, reason });
    this.#replica.drive({ kind: "command", command: { type: "snapshotFailed", index: head.index } });
  }
}
