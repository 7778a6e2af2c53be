/**
 * The state machine as plainly as it can be said: everything ever written is kept in lists, and every question is
 * answered by going through them. The store is compared with this.
 */
import { timestampOf } from "../clock/index.ts";
import type {
  Command,
  Compare,
  KeyspaceDefinition,
  Operation,
  Settings,
  TransactionOperation,
  TransactionStep,
} from "./command.ts";
import { defaultSettings } from "./command.ts";
import type { StoreErrorCode } from "./errors.ts";
import type { KeyRow, Result, StepResult } from "./result.ts";

interface Change {
  readonly revision: number;
  readonly keyspace: number;
  readonly key: string;
  /** undefined: deleted. */
  readonly row: KeyRow | undefined;
}

interface ModelSession {
  readonly id: number;
  lastMs: number;
  lastIndex: number;
  floor: number;
  readonly answers: Map<number, Result>;
}

interface Refusal {
  readonly code: StoreErrorCode;
  readonly revision?: number;
}

const refuse = (code: StoreErrorCode, revision?: number): never => {
  throw Object.assign(new Error(code), {
    refusal: { code, revision } satisfies { code: string; revision?: number | undefined },
  });
};

const name = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

export class Model {
  index = 0;
  wallMs = 0;
  /** Of the last change: of the entry, or one more than that of the change before. */
  /** Never 0: a snapshot of 0 is one still to be chosen. */
  clock = 1;
  #revision = 0;
  compactedRevision = 0;
  settings: Settings = defaultSettings;
  readonly changes: Change[] = [];
  readonly counters = new Map<string, { value: number; revision: number }>();
  readonly keyspaces = new Map<string, KeyspaceDefinition & { id: number; version: number }>();
  sessions: ModelSession[] = [];
  idempotency: { key: string; operation: string; answer: Result; ms: number }[] = [];
  #nextKeyspace = 2;

  constructor(defaultKeyspace: KeyspaceDefinition & { id: number; version: number }) {
    this.keyspaces.set("default", defaultKeyspace);
  }

  get revision(): number {
    return this.#revision;
  }

  set revision(revision: number) {
    this.#revision = revision;
    this.clock = Math.max(timestampOf(this.wallMs) + 7, this.clock + 1);
  }

  rowAt(keyspace: number, key: string, revision: number): KeyRow | undefined {
    return this.changes.findLast((c) => c.keyspace === keyspace && c.key === key && c.revision <= revision)?.row;
  }

  rowsAt(keyspace: number, prefix: string, revision: number): [string, KeyRow][] {
    const keys = new Set(
      this.changes.filter((c) => c.keyspace === keyspace && c.key.startsWith(prefix)).map((c) => c.key),
    );
    return [...keys].sort().flatMap((key) => {
      const row = this.rowAt(keyspace, key, revision);
      return row === undefined ? [] : [[key, row] as [string, KeyRow]];
    });
  }

  advance(index: number, wallMs: number): void {
    this.index = index;
    this.wallMs = Math.max(this.wallMs, wallMs);
    // An entry ends two of each at most.
    for (let i = 0; i < 2; i++) {
      this.sessions.sort((a, b) => a.lastIndex - b.lastIndex);
      if (this.sessions[0] !== undefined && this.#idle(this.sessions[0])) this.sessions.shift();
      const oldest = this.idempotency[0];
      const tooMany = this.idempotency.length > this.settings.maximumIdempotencyKeys;
      if (oldest !== undefined && (tooMany || this.#stale(oldest))) this.idempotency.shift();
    }
  }

  #idle(session: ModelSession): boolean {
    return this.wallMs - session.lastMs >= this.settings.sessionIdleMs;
  }

  #stale(entry: { readonly ms: number }): boolean {
    return this.wallMs - entry.ms >= this.settings.idempotencyRetentionMs;
  }

  #live(id: number): ModelSession {
    const session = this.sessions.find((s) => s.id === id) ?? refuse("session-expired");
    if (!this.#idle(session)) return session;
    this.sessions = this.sessions.filter((s) => s !== session);
    return refuse("session-expired");
  }

  apply(command: Command): Result {
    try {
      return this.#envelope(command);
    } catch (error) {
      const { code, revision } = (error as { refusal: Refusal }).refusal;
      return { kind: "error", code, detail: "", revision };
    }
  }

  #envelope({ envelope, operation }: Command): Result {
    if (envelope.kind === "none") return this.#answer(operation);
    if (envelope.kind === "idempotent") {
      this.idempotency = this.idempotency.filter((e) => e.key !== envelope.key || !this.#stale(e));
      const bytes = JSON.stringify(operation, (_, value: unknown) =>
        value instanceof Uint8Array ? name(value) : value,
      );
      const known = this.idempotency.find((e) => e.key === envelope.key);
      if (known !== undefined) return known.operation === bytes ? known.answer : refuse("idempotency-key-reused");
      const answer = this.#answer(operation);
      this.idempotency.push({ key: envelope.key, operation: bytes, answer, ms: this.wallMs });
      return answer;
    }
    const session = this.#live(envelope.session);
    session.lastMs = this.wallMs;
    session.lastIndex = this.index;
    session.floor = Math.max(session.floor, envelope.floor);
    if (envelope.sequence < session.floor) refuse("stale-sequence");
    const known = session.answers.get(envelope.sequence);
    if (known !== undefined) return known;
    const answer = this.#answer(operation);
    session.answers.set(envelope.sequence, answer);
    return answer;
  }

  #answer(operation: Operation): Result {
    try {
      const answer = this.#execute(operation);
      this.compactedRevision = Math.max(this.compactedRevision, this.revision - this.settings.retainedRevisions);
      return answer;
    } catch (error) {
      const { code, revision } = (error as { refusal: Refusal }).refusal;
      return { kind: "error", code, detail: "", revision };
    }
  }

  #execute(operation: Operation): Result {
    switch (operation.kind) {
      case "noop":
        return this.#done();
      case "put":
      case "delete":
        return this.#change(operation);
      case "increment": {
        const value = (this.counters.get(operation.counter)?.value ?? 0) + operation.by;
        if (Math.abs(value) > Number.MAX_SAFE_INTEGER) refuse("overflow");
        this.counters.set(operation.counter, { value, revision: ++this.revision });
        return { kind: "counter", value, revision: this.revision };
      }
      case "openSession":
        return this.#openSession();
      case "closeSession": {
        const session = this.#live(operation.session);
        this.sessions = this.sessions.filter((s) => s !== session);
        return this.#done();
      }
      case "createKeyspace": {
        const { name: wanted } = operation.keyspace;
        const existing = this.keyspaces.get(wanted);
        if (existing === undefined) {
          this.keyspaces.set(wanted, { ...operation.keyspace, id: this.#nextKeyspace++, version: 1 });
        } else {
          const { id: _id, version: _version, ...definition } = existing;
          if (JSON.stringify(sorted(definition)) !== JSON.stringify(sorted(operation.keyspace))) refuse("exists");
        }
        return this.#done();
      }
      case "setContract": {
        const keyspace = this.keyspaces.get(operation.name) ?? refuse("not-found");
        const { version, contract } = keyspace;
        if (operation.expectedVersion !== 0 && operation.expectedVersion !== version) refuse("conflict", version);
        if (contract !== operation.contract) {
          this.keyspaces.set(operation.name, { ...keyspace, contract: operation.contract, version: version + 1 });
        }
        return this.#done();
      }
      case "dropKeyspace":
        if (!this.keyspaces.has(operation.name)) refuse("not-found");
        if (operation.name === "default") refuse("conflict");
        this.keyspaces.delete(operation.name);
        return this.#done();
      case "compact":
        if (operation.revision < this.compactedRevision) refuse("compacted", this.compactedRevision);
        if (operation.revision > this.revision) refuse("future-revision", this.revision);
        this.compactedRevision = operation.revision;
        return this.#done();
      case "configure":
        this.settings = { ...this.settings, ...operation.settings };
        return this.#done();
      case "acquire":
      case "renew":
      case "release":
      case "withdraw":
      case "arrive":
      case "depart":
      case "commit":
      case "prepare":
      case "decide":
      case "resolve":
      case "settle":
      case "observe":
      case "settleShard":
      case "ownRange":
      case "splitShard":
      case "mergeShard":
      case "moveShard":
      case "flipShard":
      case "beginRange":
      case "importRange":
      case "sealRange":
      case "dropRange":
        throw new Error("these have tests of their own");
      case "transaction":
        return this.#transaction(operation);
    }
  }

  #done(): Result {
    return { kind: "done", revision: this.revision };
  }

  #openSession(): Result {
    this.sessions.sort((a, b) => a.lastIndex - b.lastIndex);
    for (let i = 0; i < 2; i++) {
      if (this.sessions.length >= Math.max(1, this.settings.maximumSessions)) this.sessions.shift();
    }
    this.sessions.push({ id: this.index, lastMs: this.wallMs, lastIndex: this.index, floor: 0, answers: new Map() });
    return { kind: "session", session: this.index };
  }

  #change(operation: Extract<Operation, { kind: "put" | "delete" }>): Result {
    const keyspace = this.keyspaces.get(operation.keyspace) ?? refuse("not-found");
    const previous = this.rowAt(keyspace.id, name(operation.key), this.revision);
    const previousRevision = previous?.modRevision ?? 0;
    if (operation.expectedRevision !== undefined && operation.expectedRevision !== previousRevision) {
      refuse("conflict", previousRevision);
    }
    if (operation.kind === "delete") {
      const deleted = previous !== undefined;
      if (deleted) this.#write(keyspace.id, operation.key, ++this.revision, undefined);
      return { kind: "delete", revision: this.revision, deleted, previousRevision };
    }
    this.#write(keyspace.id, operation.key, ++this.revision, operation.value);
    return { kind: "put", revision: this.revision, previousRevision };
  }

  #write(keyspace: number, keyBytes: Uint8Array, revision: number, value: Uint8Array | undefined): void {
    const key = name(keyBytes);
    const previous = this.rowAt(keyspace, key, revision);
    const row = value && {
      value: value.slice(),
      createRevision: previous?.createRevision ?? revision,
      modRevision: revision,
      version: (previous?.version ?? 0) + 1,
    };
    this.changes.push({ revision, keyspace, key, row });
  }

  #transaction(operation: TransactionOperation): Result {
    const keyspace = (this.keyspaces.get(operation.keyspace) ?? refuse("not-found")).id;
    for (const branch of [operation.then, operation.otherwise]) {
      const changed = branch.filter((s) => s.kind !== "get").map((s) => name(s.key));
      if (new Set(changed).size < changed.length) refuse("malformed");
    }
    const succeeded = operation.compares.every((compare) => this.#holds(keyspace, compare));
    const next = this.revision + 1;
    let changed = false;
    const steps = (succeeded ? operation.then : operation.otherwise).map((step: TransactionStep): StepResult => {
      const row = this.rowAt(keyspace, name(step.key), next);
      if (step.kind === "get") return { kind: "get", row };
      const previousRevision = row?.modRevision ?? 0;
      if (step.kind === "delete" && row === undefined) return { kind: "delete", deleted: false, previousRevision };
      changed = true;
      this.#write(keyspace, step.key, next, step.kind === "put" ? step.value : undefined);
      return step.kind === "put"
        ? { kind: "put", previousRevision }
        : { kind: "delete", deleted: true, previousRevision };
    });
    if (changed) this.revision = next;
    return { kind: "transaction", revision: this.revision, timestamp: this.clock, succeeded, steps };
  }

  #holds(keyspace: number, compare: Compare): boolean {
    // Locks have a test of their own.
    if (compare.target === "lock") return false;
    const row = this.rowAt(keyspace, name(compare.key), this.revision);
    if (compare.target === "exists") return (row !== undefined) === compare.exists;
    if (compare.target === "value") {
      return row !== undefined && relates(Buffer.compare(row.value, compare.value), compare.relation);
    }
    return relates((row?.[compare.target] ?? 0) - compare.operand, compare.relation);
  }
}

function relates(order: number, relation: string): boolean {
  return { equal: order === 0, "not-equal": order !== 0, less: order < 0, greater: order > 0 }[relation] === true;
}

function sorted(object: object): object {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
}
