import { ByteReader, ByteWriter } from "../base/index.ts";
import { type Timestamp, wallOf } from "../clock/index.ts";
import type { Context } from "./context.ts";
import { StoreError } from "./errors.ts";
import { numberKey, numberOfKey } from "./values.ts";

/** Bounds on what one session keeps: a client that never moves its floor loses its oldest answers. */
const maximumAnswers = 4096;
const maximumAnswerBytes = 1024 * 1024;
/** How many sessions one entry may expire, so that no entry takes long. */
const expiriesPerEntry = 2;

interface Session {
  readonly id: number;
  readonly clientId: string;
  lastTimestamp: Timestamp;
  /** Log index of the last use: the order in which sessions are idle. */
  lastIndex: number;
  /** Answers below it are forgotten. */
  floor: number;
  readonly answers: Map<number, Uint8Array>;
  answerBytes: number;
  dirty: boolean;
  newer: Session | undefined;
  older: Session | undefined;
}

const scratch = new ByteWriter(1024);
/** Of the table `placement`. */
const forgottenRow = "w";

/**
 * Client sessions, for exactly-once application (Ongaro, thesis, section 6.3). A session's id is the index of the
 * entry that opened it. It keeps the answers that its client may still ask for again; a repeated operation is
 * answered from there and not applied. Sessions end by the time in the log's entries, so everywhere at the same one.
 *
 * They change with every write of their client, so they live in memory and are written as rows when the delta
 * goes to the engine.
 */
export class Sessions {
  readonly #context: Context;
  readonly #byId = new Map<number, Session>();
  /** The ends of the list by last use. */
  #oldest: Session | undefined;
  #newest: Session | undefined;
  #dirty: Session[] = [];
  #dirtyBytes = 0;
  readonly #adopts: boolean;
  /** The highest number of a session that is gone. */
  #forgotten = 0;

  /**
   * `adopts`: in a group of shards. Sessions are opened in group 0, so their numbers are unique, and used in every
   * group; one that comes here for the first time is taken on, unless its number is at or below that of one that was
   * forgotten here: it might be that one.
   */
  constructor(context: Context, adopts = false) {
    this.#context = context;
    this.#adopts = adopts;
  }

  get count(): number {
    return this.#byId.size;
  }

  /** About what the next `flush` writes. */
  get dirtyBytes(): number {
    return this.#dirtyBytes;
  }

  /** Reads what the overlay has. */
  load(): void {
    const forgotten = this.#context.overlay.get("placement", forgottenRow);
    this.#forgotten = forgotten === undefined ? 0 : new ByteReader(forgotten).uint();
    this.#byId.clear();
    this.#oldest = this.#newest = undefined;
    this.#dirty = [];
    this.#dirtyBytes = 0;
    const rows = [...this.#context.overlay.range("sessions", {})].map(([key, row]) => readSession(key, row));
    for (const session of rows.sort((a, b) => a.lastIndex - b.lastIndex)) {
      this.#byId.set(session.id, session);
      this.#append(session);
    }
  }

  /** Opens a session; where there are too many, the one idle for longest ends. */
  open(clientId: string): number {
    return this.#begin(this.#context.applied.index, clientId).id;
  }

  #begin(id: number, clientId: string): Session {
    const { applied, settings } = this.#context;
    for (let i = 0; i < expiriesPerEntry && this.#byId.size >= Math.max(1, settings.maximumSessions); i++) {
      this.#end(this.#oldest!);
    }
    const session: Session = {
      id,
      clientId,
      lastTimestamp: applied.timestamp,
      lastIndex: applied.index,
      floor: 0,
      answers: new Map(),
      answerBytes: 0,
      dirty: false,
      newer: undefined,
      older: undefined,
    };
    this.#byId.set(session.id, session);
    this.#append(session);
    this.#touch(session);
    return session;
  }

  /** Whether there was such a session. */
  close(id: number): boolean {
    const session = this.#byId.get(id);
    if (session === undefined) return false;
    const idle = this.#idle(session);
    this.#end(session);
    return !idle;
  }

  /**
   * The answer that this operation has had already, or undefined: it is new, to be applied and then `remember`ed.
   * Either way the session was used. Throws a StoreError: `session-expired`, `stale-sequence`.
   */
  recall(id: number, sequence: number, floor: number): Uint8Array | undefined {
    let session = this.#byId.get(id);
    if (session !== undefined && this.#idle(session)) this.#end(session);
    if (session === undefined && this.#adopts && id > this.#forgotten) session = this.#begin(id, "");
    if (session === undefined || !this.#byId.has(id)) {
      throw new StoreError("session-expired", `there is no session ${id} any more`);
    }
    session.lastTimestamp = this.#context.applied.timestamp;
    session.lastIndex = this.#context.applied.index;
    this.#unlink(session);
    this.#append(session);
    this.#touch(session);
    if (floor > session.floor) forgetBelow(session, floor);
    if (sequence < session.floor) {
      throw new StoreError(
        "stale-sequence",
        `sequence ${sequence} is below ${session.floor}, what came before is forgotten`,
      );
    }
    return session.answers.get(sequence);
  }

  /** Keeps the answer of an operation that `recall` did not know. The operation may have closed the session. */
  remember(id: number, sequence: number, answer: Uint8Array): void {
    const session = this.#byId.get(id);
    if (session === undefined) return;
    session.answers.set(sequence, answer);
    session.answerBytes += answer.length;
    this.#dirtyBytes += answer.length;
    if (session.answers.size > maximumAnswers || session.answerBytes > maximumAnswerBytes) forgetOldest(session);
  }

  /** Ends what is idle for too long, a few of them. */
  expire(): void {
    for (let i = 0; i < expiriesPerEntry && this.#oldest !== undefined && this.#idle(this.#oldest); i++) {
      this.#end(this.#oldest);
    }
  }

  /** Writes the rows of what changed. */
  flush(): void {
    for (const session of this.#dirty) {
      session.dirty = false;
      const key = numberKey(session.id);
      if (this.#byId.get(session.id) === session) this.#context.overlay.put("sessions", key, sessionRow(session));
      else this.#context.overlay.delete("sessions", key);
    }
    this.#dirty = [];
    this.#dirtyBytes = 0;
  }

  /** All of them, for another group. */
  exportTo(writer: ByteWriter): void {
    writer.uint(this.#forgotten).uint(this.#byId.size);
    for (let session = this.#oldest; session !== undefined; session = session.newer)
      writer.uint(session.id).bytes(sessionRow(session));
  }

  /**
   * Takes over what another group remembers. Of a session that one of the two groups has forgotten, nobody knows all
   * answers any more: it ends here.
   */
  importFrom(reader: ByteReader): void {
    const forgotten = reader.uint();
    const known = new Set<number>();
    for (let left = reader.uint(); left > 0; left--) {
      const id = reader.uint();
      const theirs = readSession(numberKey(id), reader.bytes());
      known.add(id);
      let own = this.#byId.get(id);
      if (own === undefined && id > this.#forgotten) own = this.#begin(id, theirs.clientId);
      if (own !== undefined) this.#merge(own, theirs);
    }
    for (const session of this.#byId.values())
      if (session.id <= forgotten && !known.has(session.id)) this.#end(session);
    this.#forget(forgotten);
  }

  #merge(own: Session, theirs: Session): void {
    for (const [sequence, answer] of theirs.answers) {
      if (sequence < own.floor || own.answers.has(sequence)) continue;
      own.answers.set(sequence, answer);
      own.answerBytes += answer.length;
    }
    if (theirs.floor > own.floor) forgetBelow(own, theirs.floor);
    own.lastTimestamp = Math.max(own.lastTimestamp, theirs.lastTimestamp);
    this.#touch(own);
  }

  #idle(session: Session): boolean {
    const { applied, settings } = this.#context;
    return wallOf(applied.timestamp) - wallOf(session.lastTimestamp) >= settings.sessionIdleMs;
  }

  #end(session: Session): void {
    this.#unlink(session);
    this.#byId.delete(session.id);
    this.#touch(session);
    if (this.#adopts) this.#forget(session.id);
  }

  #forget(id: number): void {
    if (id <= this.#forgotten) return;
    this.#forgotten = id;
    scratch.reset();
    this.#context.overlay.put("placement", forgottenRow, scratch.uint(id).view());
  }

  #touch(session: Session): void {
    if (session.dirty) return;
    session.dirty = true;
    this.#dirty.push(session);
    this.#dirtyBytes += 64 + session.clientId.length + session.answerBytes;
  }

  #append(session: Session): void {
    session.older = this.#newest;
    session.newer = undefined;
    if (this.#newest === undefined) this.#oldest = session;
    else this.#newest.newer = session;
    this.#newest = session;
  }

  #unlink(session: Session): void {
    if (session.older === undefined) this.#oldest = session.newer;
    else session.older.newer = session.newer;
    if (session.newer === undefined) this.#newest = session.older;
    else session.newer.older = session.older;
  }
}

function forgetBelow(session: Session, floor: number): void {
  const forget = (sequence: number): void => {
    session.answerBytes -= session.answers.get(sequence)?.length ?? 0;
    session.answers.delete(sequence);
  };
  // Floors move in small steps; a leap must not cost its length.
  if (floor - session.floor <= session.answers.size) {
    for (let sequence = session.floor; sequence < floor; sequence++) forget(sequence);
  } else {
    for (const sequence of session.answers.keys()) if (sequence < floor) forget(sequence);
  }
  session.floor = floor;
}

/** Makes room: a quarter of the answers at once, so that it is rare, and never the highest one. */
function forgetOldest(session: Session): void {
  const sequences = [...session.answers.keys()].sort((a, b) => a - b);
  const floor = sequences[Math.min(1 + (sequences.length >> 2), sequences.length - 1)];
  if (floor !== undefined) forgetBelow(session, floor);
}

function sessionRow(session: Session): Uint8Array {
  scratch.reset();
  scratch.text(session.clientId).f64(session.lastTimestamp).uint(session.lastIndex).uint(session.floor);
  scratch.uint(session.answers.size);
  // By number, so that replicas that met them in another order write the same row.
  for (const [sequence, answer] of [...session.answers].sort(([a], [b]) => a - b)) scratch.uint(sequence).bytes(answer);
  return scratch.view();
}

function readSession(key: string, row: Uint8Array): Session {
  const reader = new ByteReader(row);
  const clientId = reader.text();
  const lastTimestamp = reader.f64();
  const lastIndex = reader.uint();
  const floor = reader.uint();
  const answers = new Map<number, Uint8Array>();
  let answerBytes = 0;
  for (let left = reader.uint(); left > 0; left--) {
    const sequence = reader.uint();
    const answer = reader.bytes().slice();
    answers.set(sequence, answer);
    answerBytes += answer.length;
  }
  reader.end();
  const links = { newer: undefined, older: undefined };
  return {
    id: numberOfKey(key),
    clientId,
    lastTimestamp,
    lastIndex,
    floor,
    answers,
    answerBytes,
    dirty: false,
    ...links,
  };
}
