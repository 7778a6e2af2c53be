import { failure, type Outcome } from "../contract/index.ts";
import type { RequestId } from "../node/index.ts";
import type { Driver, ReplySink } from "./driver.ts";

interface Submission {
  readonly resolve: (outcome: Outcome) => void;
  readonly release: (() => void) | undefined;
}

/** Requests of code in this process: a promise for each. */
export class Submissions implements ReplySink {
  readonly #driver: Driver;
  readonly #open = new Map<number, Submission>();
  #nextToken = 1;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  /** `begin` asks the driver, with the token by which the reply is known. Never rejects. */
  run(begin: (token: number) => RequestId, signal?: AbortSignal): Promise<Outcome> {
    if (signal?.aborted === true) {
      return Promise.resolve({
        ok: false,
        failure: { ...failure("cancelled", "the signal was aborted before"), definite: true },
      });
    }
    return new Promise((resolve) => {
      const token = this.#nextToken++;
      const id = begin(token);
      const release = signal === undefined ? undefined : this.#watch(signal, token, id);
      this.#open.set(token, { resolve, release });
    });
  }

  onReply(token: number, outcome: Outcome): void {
    const submission = this.#open.get(token);
    if (submission === undefined) return;
    this.#open.delete(token);
    submission.release?.();
    submission.resolve(outcome);
  }

  #watch(signal: AbortSignal, token: number, id: RequestId): () => void {
    const onAbort = (): void => {
      this.#driver.cancel(id);
      this.onReply(token, { ok: false, failure: failure("cancelled", "the caller gave up") });
    };
    signal.addEventListener("abort", onAbort);
    return () => signal.removeEventListener("abort", onAbort);
  }
}
