import type { GroupId } from "../base/index.ts";

interface Wake {
  readonly group: GroupId;
  at: number;
  /** Its place in the heap. */
  place: number;
}

/** When each of many groups wants to be woken: the earliest is at hand whatever their number. A heap that knows its places. */
export class Wakes {
  readonly #heap: Wake[] = [];
  readonly #byGroup = new Map<GroupId, Wake>();

  /** When the next group is due; undefined: none is. */
  get earliest(): number | undefined {
    return this.#heap[0]?.at;
  }

  /** `at` undefined: it sleeps. */
  set(group: GroupId, at: number | undefined): void {
    const known = this.#byGroup.get(group);
    if (at === undefined) {
      if (known !== undefined) this.#remove(known);
    } else if (known === undefined) {
      const wake: Wake = { group, at, place: this.#heap.length };
      this.#byGroup.set(group, wake);
      this.#heap.push(wake);
      this.#up(wake);
    } else if (known.at !== at) {
      known.at = at;
      this.#up(known);
      this.#down(known);
    }
  }

  /** Takes out the groups that are due, by number: who is woken says anew when next. */
  takeDue(now: number): GroupId[] {
    const due: GroupId[] = [];
    while (this.#heap.length > 0 && this.#heap[0]!.at <= now) {
      const wake = this.#heap[0]!;
      due.push(wake.group);
      this.#remove(wake);
    }
    return due.sort((a, b) => a - b);
  }

  #remove(wake: Wake): void {
    this.#byGroup.delete(wake.group);
    const last = this.#heap.pop()!;
    if (last === wake) return;
    this.#put(last, wake.place);
    this.#up(last);
    this.#down(last);
  }

  #put(wake: Wake, place: number): void {
    this.#heap[place] = wake;
    wake.place = place;
  }

  #up(wake: Wake): void {
    while (wake.place > 0) {
      const { place } = wake;
      const above = this.#heap[(place - 1) >> 1]!;
      if (above.at <= wake.at) return;
      this.#put(wake, above.place);
      this.#put(above, place);
    }
  }

  #down(wake: Wake): void {
    for (;;) {
      const { place } = wake;
      let least = this.#heap[2 * place + 1];
      const other = this.#heap[2 * place + 2];
      if (other !== undefined && other.at < least!.at) least = other;
      if (least === undefined || least.at >= wake.at) return;
      this.#put(wake, least.place);
      this.#put(least, place);
    }
  }
}
