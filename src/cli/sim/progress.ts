import { performance } from "node:perf_hooks";
import type { SeedResult } from "../../sim/index.ts";

const terminalMs = 200;
const otherwiseMs = 5000;

/** The line that says how a campaign is getting on: on a terminal it moves, elsewhere there is one every few seconds. */
export class Progress {
  readonly #started = performance.now();
  readonly #total: number;
  #seeds = 0;
  #steps = 0;
  #simulatedMs = 0;
  #failed = 0;
  #shownAt = performance.now();
  #ended = 0;

  constructor(total: number) {
    this.#total = total;
  }

  get wallMs(): number {
    return (this.#ended === 0 ? performance.now() : this.#ended) - this.#started;
  }

  get text(): string {
    const seconds = Math.max(0.001, this.wallMs / 1000);
    const parts = [
      `${this.#seeds} of ${this.#total} seeds`,
      `${(this.#seeds / seconds).toFixed(1)} seeds/s`,
      `${Math.round(this.#steps / seconds / 1000)}k events/s`,
      `${Math.round(this.#simulatedMs / 1000 / seconds)} simulated seconds a second`,
    ];
    if (this.#failed > 0) parts.push(`${this.#failed} failed`);
    return parts.join(", ");
  }

  add(result: SeedResult): void {
    this.#seeds++;
    this.#steps += result.steps;
    this.#simulatedMs += result.simulatedMs;
    if (result.failure && !result.expected) this.#failed++;
    const now = performance.now();
    const terminal = process.stderr.isTTY;
    if (now - this.#shownAt < (terminal ? terminalMs : otherwiseMs)) return;
    this.#shownAt = now;
    process.stderr.write(terminal ? `\r\u001b[K${this.text}` : `${this.text}\n`);
  }

  end(): void {
    this.#ended = performance.now();
    if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  }
}
