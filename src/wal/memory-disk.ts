/**
 * A disk that forgets, for tests, the simulator and the browser. It keeps for each file what is durable and what
 * only the page cache has, and can lose, tear, damage, misdirect, refuse and fill up.
 */
import type { Random } from "../base/index.ts";
import { assert, must } from "../base/index.ts";
import type { Disk, DiskDone, DiskError } from "./disk.ts";
import { DiskFault, sectorBytes } from "./disk.ts";

export interface DiskOperation {
  readonly kind: "create" | "write" | "sync" | "remove";
  readonly file: string;
  readonly bytes: number;
}

export interface MemoryDiskOptions {
  /** Calls `deliver` once, after this call has returned: then the operation is finished. Default: see `runOne`. */
  readonly schedule?: (operation: DiskOperation, deliver: () => void) => void;
  /** Room for files, in bytes. Default: unlimited. */
  readonly capacityBytes?: number;
}

/** Thrown in the middle of a repair, as if the power went. Call `crash` and open again. */
export class PowerLoss extends Error {
  override readonly name = "PowerLoss";
}

interface Write {
  readonly offset: number;
  readonly bytes: Uint8Array;
  finished: boolean;
  /** A sync that covered it has failed: the page cache takes it for clean, the disk has any part of it. */
  dropped: boolean;
}

interface File {
  durable: Uint8Array;
  /** Behind `durable`, in order. */
  writes: Write[];
  /** Whether the directory would still name it after power loss. */
  named: boolean;
}

interface UnderWay {
  readonly operation: DiskOperation;
  readonly write?: Write;
}

export class MemoryDisk implements Disk {
  /** Room for files, in bytes. May change at any time. */
  capacityBytes: number;
  readonly #files = new Map<string, File>();
  /** Removed, but power loss would bring them back. */
  readonly #ghosts = new Map<string, File>();
  readonly #underWay = new Map<string, UnderWay>();
  readonly #schedule: (operation: DiskOperation, deliver: () => void) => void;
  readonly #manual: (() => void)[] = [];
  readonly #refusals = new Map<DiskOperation["kind"], DiskError>();
  readonly #unreadable = new Map<string, DiskError>();
  #misdirection: { file: string; offset: number; of: string | undefined } | undefined;
  #repairsLeft = Number.POSITIVE_INFINITY;
  /** Completions of an earlier life are dropped. */
  #life = 0;

  constructor(options: MemoryDiskOptions = {}) {
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
    this.#schedule = options.schedule ?? ((_, deliver) => void this.#manual.push(deliver));
  }

  // ---- Disk ------------------------------------------------------------------------------------------

  list(): string[] {
    this.#syncDirectory();
    return [...this.#files.keys()].sort();
  }

  read(name: string): Uint8Array {
    const error = this.#unreadable.get(name);
    if (error !== undefined) throw new DiskFault(error);
    return cached(this.#existing(name));
  }

  repair(name: string, offset: number, bytes: Uint8Array): void {
    const file = this.#existing(name);
    file.writes.push({ offset, bytes: bytes.slice(), finished: false, dropped: false });
    if (this.#repairsLeft-- <= 0) throw new PowerLoss(`while ${name} was repaired`);
    file.durable = cached(file);
    file.writes = [];
  }

  create(name: string, size: number, done: DiskDone): void {
    this.#start({ operation: { kind: "create", file: name, bytes: size } }, done, () => {
      const others = this.usedBytes - (this.#files.get(name)?.durable.length ?? 0);
      if (others + size > this.capacityBytes) {
        this.#files.delete(name);
        return { code: "full", message: `no space for ${name}` };
      }
      this.#files.set(name, { durable: new Uint8Array(size), writes: [], named: true });
      this.#syncDirectory();
      return undefined;
    });
  }

  write(name: string, offset: number, bytes: Uint8Array, done: DiskDone): void {
    const misdirects = this.#misdirection !== undefined && (this.#misdirection.of ?? name) === name;
    const wrong = misdirects ? this.#misdirection : undefined;
    if (misdirects) this.#misdirection = undefined;
    const file = this.#existing(wrong?.file ?? name);
    const write = { offset: wrong?.offset ?? offset, bytes: bytes.slice(), finished: false, dropped: false };
    file.writes.push(write);
    this.#start({ operation: { kind: "write", file: name, bytes: bytes.length }, write }, done, (refusal) => {
      write.finished = true;
      return refusal;
    });
  }

  sync(name: string, done: DiskDone): void {
    const file = this.#existing(name);
    this.#start({ operation: { kind: "sync", file: name, bytes: 0 } }, done, (refusal) => {
      if (refusal === undefined) this.#settle(file);
      else for (const write of file.writes) write.dropped = true;
      return refusal;
    });
  }

  remove(name: string, done: DiskDone): void {
    this.#start({ operation: { kind: "remove", file: name, bytes: 0 } }, done, (refusal) => {
      if (refusal !== undefined) return refusal;
      if (!this.#files.delete(name)) return { code: "missing", message: `no file ${name}` };
      this.#syncDirectory();
      return undefined;
    });
  }

  // ---- Time ------------------------------------------------------------------------------------------

  /** Without a `schedule`: finishes the oldest operation; false where there is none. */
  runOne(): boolean {
    const deliver = this.#manual.shift();
    deliver?.();
    return deliver !== undefined;
  }

  /** Without a `schedule`: finishes operations until none is left. */
  runAll(): void {
    while (this.runOne());
  }

  // ---- Faults ----------------------------------------------------------------------------------------

  get usedBytes(): number {
    let total = 0;
    for (const { durable } of this.#files.values()) total += durable.length;
    return total;
  }

  /** The power goes. Of what was not durable, any sectors survive, in any order. */
  crash(random: Random): void {
    this.#interrupt(random, () => {});
    for (const [name, file] of this.#files) {
      if (!file.named && random.below(2) === 0) this.#files.delete(name);
      tear(file, random);
      file.named = true;
    }
    for (const [name, file] of this.#ghosts) {
      if (!this.#files.has(name) && random.below(2) === 0) this.#files.set(name, { ...file, named: true });
    }
    this.#ghosts.clear();
  }

  /** The process dies, the machine goes on: finished writes stay in the page cache, not durable yet. */
  kill(random: Random): void {
    this.#interrupt(random, (write) => this.#interruptWrite(write, random));
  }

  /** A new disk in the place of this one. Nothing may use it. */
  erase(): void {
    this.#life++;
    this.#files.clear();
    this.#ghosts.clear();
    this.#underWay.clear();
    this.#manual.length = 0;
    this.#refusals.clear();
    this.#unreadable.clear();
    this.#misdirection = undefined;
    this.#repairsLeft = Number.POSITIVE_INFINITY;
  }

  /** Flips one bit of what is durable. */
  flipBit(name: string, offset: number, bit: number): void {
    this.#existing(name).durable[offset]! ^= 1 << bit;
  }

  /** The next operation of this kind fails. */
  failNext(kind: DiskOperation["kind"], error: DiskError): void {
    this.#refusals.set(kind, error);
  }

  /** Reading this file fails from now on; without an error: works again. */
  failReads(name: string, error?: DiskError): void {
    if (error === undefined) this.#unreadable.delete(name);
    else this.#unreadable.set(name, error);
  }

  /** The next write, or the next one to the file `of`, lands elsewhere. */
  misdirectNextWrite(file: string, offset: number, of?: string): void {
    this.#misdirection = { file, offset, of };
  }

  /** `count` more repairs go well, the one after that is interrupted by a PowerLoss. */
  interruptRepairAfter(count: number): void {
    this.#repairsLeft = count;
  }

  // ---- Inside ----------------------------------------------------------------------------------------

  #existing(name: string): File {
    const file = this.#files.get(name);
    if (file === undefined) throw new DiskFault({ code: "missing", message: `no file ${name}` });
    return file;
  }

  #start(underWay: UnderWay, done: DiskDone, finish: (refusal: DiskError | undefined) => DiskError | undefined): void {
    const { kind, file } = underWay.operation;
    assert(!this.#underWay.has(file), `two operations at once on ${file}`);
    this.#underWay.set(file, underWay);
    const life = this.#life;
    this.#schedule(underWay.operation, () => {
      if (life !== this.#life) return;
      this.#underWay.delete(file);
      const refusal = this.#refusals.get(kind);
      this.#refusals.delete(kind);
      done(kind === "create" && refusal !== undefined ? refusal : finish(refusal));
    });
  }

  #settle(file: File): void {
    const bytes = file.durable;
    const kept: Write[] = [];
    for (const write of file.writes) {
      if (write.dropped || !write.finished) kept.push(write);
      else place(bytes, write);
    }
    file.writes = kept;
  }

  #syncDirectory(): void {
    this.#ghosts.clear();
    for (const file of this.#files.values()) file.named = true;
  }

  /** Everything under way ends somewhere on its way. */
  #interrupt(random: Random, interruptWrite: (write: Write) => void): void {
    this.#life++;
    this.#manual.length = 0;
    this.#repairsLeft = Number.POSITIVE_INFINITY;
    this.#refusals.clear();
    this.#misdirection = undefined;
    const underWay = [...this.#underWay.values()];
    this.#underWay.clear();
    for (const { operation, write } of underWay) {
      if (write !== undefined) interruptWrite(write);
      else if (operation.kind === "create") this.#interruptCreate(operation, random);
      else if (operation.kind === "remove") this.#interruptRemove(operation.file, random);
    }
  }

  /** A killed process has written the front of it. */
  #interruptWrite(write: Write, random: Random): void {
    const file = must(
      [...this.#files.values()].find(({ writes }) => writes.includes(write)),
      "the file under way",
    );
    const sectors =
      Math.ceil((write.offset + write.bytes.length) / sectorBytes) - Math.floor(write.offset / sectorBytes);
    const written = random.below(sectors + 1);
    const end = (Math.floor(write.offset / sectorBytes) + written) * sectorBytes - write.offset;
    file.writes.splice(file.writes.indexOf(write), 1);
    if (written > 0) file.writes.push({ ...write, bytes: write.bytes.subarray(0, end), finished: true });
  }

  #interruptCreate(operation: DiskOperation, random: Random): void {
    const outcome = random.below(3);
    if (outcome === 0) return;
    const size = outcome === 1 ? operation.bytes : random.below(operation.bytes);
    if (this.usedBytes - (this.#files.get(operation.file)?.durable.length ?? 0) + size > this.capacityBytes) return;
    const named = this.#files.get(operation.file)?.named ?? false;
    this.#files.set(operation.file, { durable: new Uint8Array(size), writes: [], named });
  }

  #interruptRemove(name: string, random: Random): void {
    const file = this.#files.get(name);
    if (file === undefined || random.below(2) === 0) return;
    this.#files.delete(name);
    this.#ghosts.set(name, file);
  }
}

function place(target: Uint8Array, { offset, bytes }: Write): void {
  target.set(bytes.subarray(0, Math.max(0, target.length - offset)), offset);
}

/** What a process reads: the page cache. */
function cached(file: File): Uint8Array {
  const bytes = file.durable.slice();
  for (const write of file.writes) place(bytes, write);
  return bytes;
}

/** What the disk has after power loss. */
function tear(file: File, random: Random): void {
  // All, none, or a share of the sectors: a uniform share would almost never leave a long write whole.
  const share = [0, 1, random.float()][random.below(3)]!;
  const sectors: Write[] = [];
  for (const write of file.writes) {
    let from = 0;
    while (from < write.bytes.length) {
      const to = Math.min(write.bytes.length, from + sectorBytes - ((write.offset + from) % sectorBytes));
      if (random.float() < share)
        sectors.push({ ...write, offset: write.offset + from, bytes: write.bytes.subarray(from, to) });
      from = to;
    }
  }
  while (sectors.length > 0) place(file.durable, sectors.splice(random.below(sectors.length), 1)[0]!);
  file.writes = [];
}
