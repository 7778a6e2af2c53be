import type { LogIndex, Term } from "../base/index.ts";
import type { Timestamp } from "../clock/index.ts";
import type { Settings } from "./command.ts";
import type { EventLog } from "./event-log.ts";
import type { Overlay } from "./overlay.ts";

/** Where in the log the state is. `timestamp` is that of the entry, and never goes back. */
export interface AppliedPosition {
  readonly index: LogIndex;
  readonly term: Term;
  readonly timestamp: Timestamp;
}

export interface ClockMark {
  readonly revision: number;
  readonly clock: Timestamp;
}

/** What the parts of the state machine share. */
export interface Context {
  readonly overlay: Overlay;
  readonly events: EventLog;
  applied: AppliedPosition;
  revision: number;
  /** Above every timestamp that a change has got here, or that a read was promised to see the whole of. */
  clock: Timestamp;
  /** Of some revisions, what the clock was, oldest first: tells which timestamps are compacted. */
  marks: ClockMark[];
  /** The lowest revision at which keys can be read; events begin one above. */
  compactedRevision: number;
  settings: Settings;
  /** The revision that the engine has durably: what is above it, only the overlay's layers have. */
  durableRevision: number;
}
