import type { DiskError } from "./disk.ts";

/** What anyone may watch. Segments are named by their sequence number; sizes and offsets are bytes. */
export type WalFact =
  | { readonly kind: "opened"; readonly segments: number; readonly batches: number; readonly bytes: number }
  /** An interrupted write was removed on opening. Nothing of it had been acknowledged. */
  | { readonly kind: "tail-cut"; readonly segment: number; readonly offset: number; readonly bytes: number }
  /** The next segment stands ready. */
  | { readonly kind: "segment-created"; readonly segment: number; readonly bytes: number }
  /** The next segment could not be made. Appends go on while the current one has room: make space, truncate. */
  | { readonly kind: "segment-refused"; readonly segment: number; readonly error: DiskError }
  | { readonly kind: "segment-started"; readonly segment: number; readonly firstBatch: number }
  | { readonly kind: "segment-removed"; readonly segment: number }
  | { readonly kind: "removal-failed"; readonly segment: number; readonly error: DiskError }
  /** One batch became durable. `appends` were waiting for it. */
  | {
      readonly kind: "synced";
      readonly batch: number;
      readonly bytes: number;
      readonly records: number;
      readonly appends: number;
    }
  /** Appends are held until `retry` finds space. */
  | { readonly kind: "stalled"; readonly error: DiskError }
  | { readonly kind: "resumed" }
  /** A write or sync failed: this life of the log is over. */
  | { readonly kind: "failed"; readonly error: DiskError };
