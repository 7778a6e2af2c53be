import type { NodeId } from "../base/index.ts";
import type { End } from "./network.ts";

/** What kind of message a line stands for: diagrams colour them, and leave routine out where there is much. */
export type MessageKind = "append" | "vote" | "snapshot" | "read" | "request" | "reply" | "routine" | "other";

/** Moments of a diagram, in the order in which they happened. Milliseconds. */
export type TimelineMoment =
  | { readonly kind: "sent"; readonly at: number; readonly message: TimelineMessage }
  | { readonly kind: "received"; readonly at: number; readonly message: TimelineMessage }
  | { readonly kind: "mark"; readonly at: number; readonly lane: End; readonly tone: Tone; readonly text: string }
  /** Something about the whole world, such as a partition. */
  | { readonly kind: "note"; readonly at: number; readonly text: string }
  | { readonly kind: "up" | "down"; readonly at: number; readonly lane: NodeId }
  | { readonly kind: "leads" | "follows"; readonly at: number; readonly lane: NodeId; readonly text: string }
  | {
      readonly kind: "asks";
      readonly at: number;
      readonly lane: End;
      readonly operation: object;
      readonly text: string;
    }
  | {
      readonly kind: "answered";
      readonly at: number;
      readonly operation: object;
      readonly tone: Tone;
      readonly text: string;
    };

export type Tone = "plain" | "good" | "bad";

export interface TimelineMessage {
  readonly from: End;
  readonly to: End;
  readonly kind: MessageKind;
  readonly text: string;
  /** What became of it, where it never arrived. */
  lost: boolean;
}

/** An event that a core took; its number is its place, from 1: the unit of `stopAtStep`. */
export interface TimelineStep {
  readonly at: number;
  readonly lane: NodeId;
}

/** The diagram keeps the last so many moments: a failure is explained by what came before it. */
const defaultMoments = 40_000;

/** Who sent what to whom, and what it did there: the material of a space-time diagram (Lamport, 1978). */
export class Timeline {
  readonly nodes: readonly NodeId[];
  /** Clients, as negative numbers. */
  readonly clients: readonly End[];
  /** Every event of a core, where that is wanted. */
  readonly steps: TimelineStep[] | undefined;
  readonly #mostMoments: number;
  /** What `at` counts. */
  readonly unit: "ms" | "step";
  #moments: TimelineMoment[] = [];
  /** So many were forgotten. */
  #forgotten = 0;

  constructor(nodes: readonly NodeId[], clients: readonly End[], whole = false, unit: "ms" | "step" = "ms") {
    this.unit = unit;
    this.nodes = nodes;
    this.clients = clients;
    this.steps = whole ? [] : undefined;
    this.#mostMoments = whole ? Number.POSITIVE_INFINITY : defaultMoments;
  }

  get moments(): readonly TimelineMoment[] {
    return this.#moments;
  }

  get forgotten(): number {
    return this.#forgotten;
  }

  add(moment: TimelineMoment): void {
    this.#moments.push(moment);
    if (this.#moments.length < 2 * this.#mostMoments) return;
    this.#forgotten += this.#mostMoments;
    this.#moments = this.#moments.slice(this.#mostMoments);
  }

  /** Notes that a message left; what is returned notes its arrival, which may come more than once, or never. */
  sent(at: number, message: Omit<TimelineMessage, "lost">): (at: number) => void {
    const noted: TimelineMessage = { ...message, lost: true };
    this.add({ kind: "sent", at, message: noted });
    return (arrivedAt) => {
      noted.lost = false;
      this.add({ kind: "received", at: arrivedAt, message: noted });
    };
  }
}
