/** Keeps the next segment ready, so that the running log never waits for its allocation. */
import type { Disk, DiskError } from "./disk.ts";
import { segmentName } from "./segment.ts";

export interface SpareEvents {
  readonly onReady: (sequence: number, size: number) => void;
  readonly onRefused: (sequence: number, error: DiskError) => void;
}

export class Spare {
  readonly #disk: Disk;
  readonly #events: SpareEvents;
  #sequence = 0;
  /** Size of the file that stands ready; 0: none. */
  #size = 0;
  #creating = false;
  /** What an earlier life prepared further ahead; the newest last. Gone before anything is created, so that no gap arises. */
  readonly #leftovers: string[];
  /** Why the last attempt failed; undefined while one is under way or after one that went well. */
  refused: DiskError | undefined;

  constructor(disk: Disk, leftovers: readonly string[], events: SpareEvents) {
    this.#disk = disk;
    this.#leftovers = [...leftovers];
    this.#events = events;
  }

  get creating(): boolean {
    return this.#creating;
  }

  /** Makes segment `sequence` ready with at least `size` bytes, unless it is so or will be. */
  prepare(sequence: number, size: number): void {
    if (this.#creating || (this.#sequence === sequence && this.#size >= size)) return;
    this.#creating = true;
    this.#size = 0;
    this.#sequence = sequence;
    this.refused = undefined;
    this.#removeLeftovers(() => this.#create(sequence, size));
  }

  #create(sequence: number, size: number): void {
    this.#disk.create(segmentName(sequence), size, (error) => {
      this.#creating = false;
      this.refused = error;
      if (error !== undefined) return this.#events.onRefused(sequence, error);
      this.#size = size;
      this.#events.onReady(sequence, size);
    });
  }

  #removeLeftovers(next: () => void): void {
    const newest = this.#leftovers.at(-1);
    if (newest === undefined) return next();
    this.#disk.remove(newest, (error) => {
      if (error === undefined || error.code === "missing") {
        this.#leftovers.pop();
        return this.#removeLeftovers(next);
      }
      this.#creating = false;
      this.refused = error;
      this.#events.onRefused(this.#sequence, error);
    });
  }

  /** Hands out the segment if it stands ready with at least `size` bytes: its size. */
  take(size: number): number | undefined {
    if (this.#size === 0 || this.#size < size) return undefined;
    const taken = this.#size;
    this.#size = 0;
    return taken;
  }
}
