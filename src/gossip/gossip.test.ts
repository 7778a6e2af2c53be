import { describe, expect, test } from "vitest";
import { seededRandom, type NodeId } from "../base/index.ts";
import type { Effect } from "../core/index.ts";
import { defaultGossipTimings, PhiAccrual, Swim, type GossipProtocol } from "./index.ts";

class Town {
  now = 0;
  readonly nodes = new Map<NodeId, Swim>();
  readonly down = new Set<NodeId>();
  readonly cut = new Set<string>();
  lossRate = 0;
  sent = 0;
  readonly #random = seededRandom(7);
  #mail: { at: number; run: () => void }[] = [];

  constructor(size: number) {
    for (let id = 1; id <= size; id++) this.start(id, size);
  }

  start(id: NodeId, size: number): void {
    const members = Array.from({ length: size }, (_, i) => i + 1);
    this.nodes.set(id, new Swim({ id, members, ...defaultGossipTimings }, this.#random.fork()));
    this.down.delete(id);
  }

  run(forMs: number): void {
    const end = this.now + forMs;
    for (; this.now < end; this.now += 5) {
      const due = this.#mail.filter(({ at }) => at <= this.now);
      this.#mail = this.#mail.filter(({ at }) => at > this.now);
      for (const { run } of due) run();
      for (const [id, node] of this.nodes) if (node.wakeAt <= this.now) this.#step(id, { kind: "wake" });
    }
  }

  #step(id: NodeId, event: Parameters<Swim["step"]>[1]): void {
    if (this.down.has(id)) return;
    const node = this.nodes.get(id)!;
    const effects: Effect<GossipProtocol>[] = [];
    node.step({ mono: this.now, wall: this.now, error: 0 }, event, effects);
    node.check();
    for (const effect of effects) {
      if (effect.kind !== "send") continue;
      this.sent++;
      const { to, message } = effect;
      if (this.cut.has(`${id}>${to}`) || this.#random.float() < this.lossRate) continue;
      const at = this.now + this.#random.float() * 30;
      this.#mail.push({ at, run: () => this.#step(to, { kind: "message", from: id, message }) });
    }
  }

  /** What those who are up think of a node. */
  opinions(of: NodeId): Set<string | undefined> {
    return new Set(
      [...this.nodes].filter(([id]) => id !== of && !this.down.has(id)).map(([, node]) => node.healthOf(of)),
    );
  }
}

describe("SWIM", () => {
  test("a dead node is suspected, then dead, for everyone; back again, it is alive for everyone", () => {
    const town = new Town(8);
    town.run(3000);
    for (let id = 1; id <= 8; id++) expect(town.opinions(id)).toEqual(new Set(["alive"]));
    town.down.add(5);
    town.run(16_000);
    expect(town.opinions(5)).toEqual(new Set(["dead"]));
    expect(town.opinions(4)).toEqual(new Set(["alive"]));
    town.start(5, 8);
    town.run(12_000);
    expect(town.opinions(5)).toEqual(new Set(["alive"]));
  });

  test("one cut link kills nobody: others ask on behalf", () => {
    const town = new Town(6);
    town.cut.add("1>2").add("2>1");
    town.run(30_000);
    for (const id of [1, 2]) expect(town.opinions(id)).toEqual(new Set(["alive"]));
  });

  test("who is suspected wrongly refutes it: with much loss nobody stays dead", () => {
    const town = new Town(6);
    town.lossRate = 0.25;
    town.run(60_000);
    town.lossRate = 0;
    town.run(15_000);
    for (let id = 1; id <= 6; id++) expect(town.opinions(id)).toEqual(new Set(["alive"]));
  });

  test("messages a node and period do not grow with the members", () => {
    const rates = [8, 32].map((size) => {
      const town = new Town(size);
      town.run(10_000);
      return town.sent / size / 20;
    });
    expect(rates[1]!).toBeLessThan(1.2 * rates[0]!);
    expect(rates[0]!).toBeLessThan(2.5);
  });
});

describe("phi", () => {
  test("grows with silence, and is patient with peers that were never regular", () => {
    const regular = new PhiAccrual();
    const irregular = new PhiAccrual();
    const random = seededRandom(3);
    let at = 0;
    for (let i = 0; i < 100; i++) {
      regular.heard(i * 100);
      irregular.heard((at += 200 * random.float()));
    }
    expect(regular.phi(9950)).toBeLessThan(1);
    expect(regular.phi(10_400)).toBeGreaterThan(8);
    const silences = [100, 200, 400, 800].map((silence) => regular.phi(9900 + silence));
    expect(silences).toEqual(silences.toSorted((a, b) => a - b));
    expect(irregular.phi(at + 300)).toBeLessThan(regular.phi(9900 + 300));
    expect(new PhiAccrual().phi(1e6)).toBe(0);
  });
});
