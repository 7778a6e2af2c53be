/**
 * The phi accrual failure detector (Hayashibara, Défago, Yared and Katayama, 2004): −log10 of the chance that a peer
 * who is well has been silent for so long, by how it has been heard before. 1: wrong once in ten; 8: once in 10⁸.
 */
export class PhiAccrual {
  readonly #intervals: number[] = [];
  readonly #window: number;
  readonly #leastDeviationMs: number;
  #heardAt: number | undefined;
  #next = 0;

  /** `leastDeviationMs`: a peer that was regular so far is not condemned for the first small pause. */
  constructor(window = 100, leastDeviationMs = 50) {
    this.#window = window;
    this.#leastDeviationMs = leastDeviationMs;
  }

  heard(mono: number): void {
    if (this.#heardAt !== undefined) {
      this.#intervals[this.#next % this.#window] = mono - this.#heardAt;
      this.#next++;
    }
    this.#heardAt = mono;
  }

  /** 0 until there is something to compare with. */
  phi(mono: number): number {
    const count = this.#intervals.length;
    if (this.#heardAt === undefined || count < 2) return 0;
    const mean = this.#intervals.reduce((sum, interval) => sum + interval, 0) / count;
    const variance = this.#intervals.reduce((sum, interval) => sum + (interval - mean) ** 2, 0) / count;
    const deviation = Math.max(this.#leastDeviationMs, Math.sqrt(variance));
    const y = (mono - this.#heardAt - mean) / deviation;
    // The logistic approximation of the normal distribution's tail, which stays exact enough far out.
    const exponent = y * (1.5976 + 0.070566 * y * y);
    return exponent > 30 ? exponent / Math.LN10 : -Math.log10(1 - 1 / (1 + Math.exp(-exponent)));
  }
}
