/**
 * The turns of the real event loop. What promises set off happens before the next turn begins, in an order that the
 * language fixes: so a world that waits for a turn after each event that settled something stays deterministic.
 */
export class Turn {
  #channel: InstanceType<typeof MessageChannel> | undefined;
  #ended: () => void = () => undefined;

  /** Resolves when everything that is settled by now has been heard of. One at a time. */
  end(): Promise<void> {
    const { port2 } = (this.#channel ??= this.#open());
    return new Promise((resolve) => {
      this.#ended = resolve;
      port2.postMessage(undefined);
    });
  }

  #open(): InstanceType<typeof MessageChannel> {
    const channel = new MessageChannel();
    channel.port1.addEventListener("message", () => this.#ended());
    channel.port1.start();
    return channel;
  }

  /** An open channel keeps a process alive. */
  close(): void {
    this.#channel?.port1.close();
    this.#channel = undefined;
  }
}
