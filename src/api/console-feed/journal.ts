import type { Happening, Tick } from "./messages.ts";

export type Entry = Tick | Happening;

/** What was told lately, numbered, so that a page that comes back, or is slow, goes on where it stopped. */
export class Journal {
  readonly #epoch: string;
  readonly #mostTicks: number;
  readonly #mostEvents: number;
  readonly #ticks: { readonly number: number; readonly entry: Entry }[] = [];
  readonly #events: { readonly number: number; readonly entry: Entry }[] = [];
  #last = 0;

  /** `epoch` names this journal: numbers of another one mean nothing here. */
  constructor(epoch: string, mostTicks: number, mostEvents: number) {
    this.#epoch = epoch;
    this.#mostTicks = mostTicks;
    this.#mostEvents = mostEvents;
  }

  add(entry: Entry): number {
    const list = entry.type === "tick" ? this.#ticks : this.#events;
    list.push({ number: ++this.#last, entry });
    if (list.length > (entry.type === "tick" ? this.#mostTicks : this.#mostEvents)) list.shift();
    return this.#last;
  }

  get last(): number {
    return this.#last;
  }

  idOf(number: number): string {
    return `${this.#epoch}-${number}`;
  }

  /** The number that a page sent back as its last; 0 where it is from elsewhere: everything is news then. */
  numberOf(id: string | undefined): number {
    if (id === undefined || !id.startsWith(`${this.#epoch}-`)) return 0;
    const number = Number(id.slice(this.#epoch.length + 1));
    return Number.isInteger(number) && number >= 0 && number <= this.#last ? number : 0;
  }

  /** What is still known after a number, in order. */
  after(number: number): { readonly number: number; readonly entry: Entry }[] {
    const news = [...this.#ticks, ...this.#events].filter((item) => item.number > number);
    return news.sort((a, b) => a.number - b.number);
  }
}
