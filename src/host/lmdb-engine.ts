import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { assert } from "../base/index.ts";
import type { Engine, EngineDone, EngineError, EngineReplacement, TableName } from "../store/index.ts";
import { LmdbEnvironment } from "./lmdb-environment.ts";
import { syncDirectory } from "./sync-directory.ts";
import { engineError } from "./lmdb-error.ts";
import { StartupError } from "./startup-error.ts";

export interface LmdbEngineOptions {
  /** Made where it is missing. Used by one process at a time, which the caller sees to. */
  readonly directory: string;
  /** How large the file may grow without the map being moved; address space, not memory. Default 64 GiB. */
  readonly mapSizeBytes?: number | undefined;
}

const defaultMapSizeBytes = 64 * 2 ** 30;
/** Rows of a replacement that are written in one transaction. */
const replacementBatchBytes = 4 * 1024 * 1024;
const pointerFile = "CURRENT";
const nextPointerFile = "CURRENT.next";
const firstEnvironment = "state-000001";
const environmentPattern = /^state-(\d{6})$/;

/**
 * An engine on disk:
 *
 *     directory/CURRENT           the name of the environment that counts, replaced by renaming
 *     directory/state-000001/     an LMDB environment
 *     directory/state-000002/     one that is being filled, or is left over: removed when the engine is opened
 *
 * Throws a StartupError where what is there cannot be opened.
 */
export function openLmdbEngine(options: LmdbEngineOptions): Engine {
  const { directory } = options;
  const mapSizeBytes = options.mapSizeBytes ?? defaultMapSizeBytes;
  const name = currentEnvironment(directory);
  for (const entry of readdirSync(directory)) {
    if (environmentPattern.test(entry) && entry !== name) rmSync(join(directory, entry), { recursive: true });
  }
  return new LmdbEngine(directory, mapSizeBytes, openEnvironment(join(directory, name), mapSizeBytes));
}

class LmdbEngine implements Engine {
  readonly #directory: string;
  readonly #mapSizeBytes: number;
  #environment: LmdbEnvironment;
  #staging: Staging | undefined;
  /** Of the last environment that this process has made or opened: a name is used once. */
  #number: number;
  /** Settles when what is not needed any more is closed and removed. */
  #cleanup: Promise<void> = Promise.resolve();

  constructor(directory: string, mapSizeBytes: number, environment: LmdbEnvironment) {
    this.#directory = directory;
    this.#mapSizeBytes = mapSizeBytes;
    this.#environment = environment;
    this.#number = Number(environmentPattern.exec(basename(environment.directory))?.[1]);
  }

  readonly get: Engine["get"] = (table, key) => this.#environment.get(table, key);
  readonly range: Engine["range"] = (table, range) => this.#environment.range(table, range);
  readonly keys: Engine["keys"] = (table, range) => this.#environment.keys(table, range);
  readonly commit: Engine["commit"] = (batch, done) => this.#environment.commit(batch, done);
  readonly snapshot: Engine["snapshot"] = () => this.#environment.snapshot();

  replace(): EngineReplacement {
    assert(this.#staging === undefined, "one replacement at a time");
    const path = join(this.#directory, `state-${String(++this.#number).padStart(6, "0")}`);
    const staging = this.#stage(path);
    if (!(staging instanceof Staging)) return failedReplacement(staging);
    this.#staging = staging;
    return {
      get pendingBytes() {
        return staging.pendingBytes;
      },
      put: (table, key, value) => staging.put(table, key, value),
      activate: (done) => void this.#activate(staging, done),
      abort: () => this.#discard(staging),
    };
  }

  #stage(path: string): Staging | EngineError {
    try {
      return new Staging(new LmdbEnvironment(path, this.#mapSizeBytes));
    } catch (error) {
      rmSync(path, { recursive: true, force: true });
      return engineError(error, this.#directory);
    }
  }

  close(done?: () => void): void {
    void this.#close(done);
  }

  async #activate(staging: Staging, done: EngineDone): Promise<void> {
    await this.#environment.settled();
    const error = (await staging.settled()) ?? writeNext(this.#directory, basename(staging.environment.directory));
    if (error !== undefined) {
      this.#discard(staging);
      return done(error);
    }
    const uncertain = switchToNext(this.#directory);
    if (uncertain !== undefined) {
      // Either environment may be the one that a restart finds: keep both, and write to neither.
      this.#environment.fail(uncertain);
      return done(uncertain);
    }
    const old = this.#environment;
    this.#environment = staging.environment;
    this.#staging = undefined;
    this.#remove(old);
    done();
  }

  #discard(staging: Staging): void {
    this.#staging = undefined;
    this.#remove(staging.environment);
  }

  /** When nobody reads from it any more. Where that fails, it is a left-over for the next start. */
  #remove(environment: LmdbEnvironment): void {
    const removal = environment.close().then(() => rm(environment.directory, { recursive: true, force: true }));
    this.#cleanup = Promise.allSettled([this.#cleanup, removal]).then(() => undefined);
  }

  async #close(done?: () => void): Promise<void> {
    if (this.#staging !== undefined) this.#discard(this.#staging);
    await this.#environment.close();
    await this.#cleanup;
    done?.();
  }
}

/** Rows on their way into an environment that does not count yet. */
class Staging {
  readonly environment: LmdbEnvironment;
  #rows = new Map<TableName, [string, Uint8Array][]>();
  #rowBytes = 0;
  #writingBytes = 0;
  #error: EngineError | undefined;

  constructor(environment: LmdbEnvironment) {
    this.environment = environment;
  }

  get pendingBytes(): number {
    return this.#rowBytes + this.#writingBytes;
  }

  put(table: TableName, key: string, value: Uint8Array): void {
    const rows = this.#rows.get(table);
    if (rows === undefined) this.#rows.set(table, [[key, value]]);
    else rows.push([key, value]);
    this.#rowBytes += key.length + value.length;
    if (this.#rowBytes >= replacementBatchBytes) this.#write();
  }

  /** When everything put so far is durable, or cannot be. */
  async settled(): Promise<EngineError | undefined> {
    if (this.#rowBytes > 0) this.#write();
    await this.environment.settled();
    return this.#error;
  }

  #write(): void {
    const rows = this.#rows;
    const bytes = this.#rowBytes;
    this.#rows = new Map();
    this.#rowBytes = 0;
    if (this.#error !== undefined) return;
    this.#writingBytes += bytes;
    this.environment.commit(
      [...rows].map(([table, changes]) => ({ table, rows: changes })),
      (error) => {
        this.#writingBytes -= bytes;
        this.#error ??= error;
      },
    );
  }
}

/** There was not even room to begin. */
function failedReplacement(error: EngineError): EngineReplacement {
  return { pendingBytes: 0, put: () => {}, activate: (done) => void setImmediate(done, error), abort: () => {} };
}

function openEnvironment(path: string, mapSizeBytes: number): LmdbEnvironment {
  try {
    const environment = new LmdbEnvironment(path, mapSizeBytes);
    // A commit that is reported durable must not be lost with the name of its directory.
    syncDirectory(dirname(path));
    syncDirectory(dirname(dirname(path)));
    return environment;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartupError("damaged", `The state in ${path} cannot be opened: ${reason}`, startAnew(dirname(path)), {
      cause: error,
    });
  }
}

function startAnew(directory: string): string {
  return `Move ${directory} away and start the node again: it gets the state from the other nodes`;
}

/** The name that CURRENT has; in an empty directory, a first one. */
function currentEnvironment(directory: string): string {
  mkdirSync(directory, { recursive: true });
  const pointer = join(directory, pointerFile);
  const environments = readdirSync(directory).filter((entry) => environmentPattern.test(entry));
  if (!existsSync(pointer)) {
    if (environments.length > 0) {
      const found = environments.join(", ");
      throw new StartupError("damaged", `${pointer} is missing, but ${found} is there`, startAnew(directory));
    }
    const error = writeNext(directory, firstEnvironment) ?? switchToNext(directory);
    if (error === undefined) return firstEnvironment;
    throw new StartupError("data-directory-unusable", error.message, "Check its permissions and the space on its disk");
  }
  const name = readFileSync(pointer, "utf8").trim();
  if (!environmentPattern.test(name)) throw new StartupError("damaged", `${pointer} is damaged`, startAnew(directory));
  // The first one is named before it is made. A later one is whole before it is named.
  if (name !== firstEnvironment && !environments.includes(name)) {
    throw new StartupError("damaged", `${join(directory, name)} is missing`, startAnew(directory));
  }
  return name;
}

/** Says durably, beside CURRENT, what it is going to be. */
function writeNext(directory: string, environment: string): EngineError | undefined {
  try {
    const descriptor = openSync(join(directory, nextPointerFile), "w");
    try {
      writeSync(descriptor, `${environment}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    return undefined;
  } catch (error) {
    return engineError(error, directory);
  }
}

/** Durable when it returns nothing; after an error, CURRENT is the old or the new one. */
function switchToNext(directory: string): EngineError | undefined {
  try {
    renameSync(join(directory, nextPointerFile), join(directory, pointerFile));
    syncDirectory(directory);
    return undefined;
  } catch (error) {
    return { ...engineError(error, directory), code: "io" };
  }
}
