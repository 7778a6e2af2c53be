import type { NodeId } from "../base/index.ts";

export type Health = "alive" | "suspect" | "dead";

/** News of one member. Among news of one incarnation dead beats suspect beats alive; a later incarnation beats all. */
export interface Rumour {
  readonly node: NodeId;
  readonly health: Health;
  /** Only the member itself raises it. */
  readonly incarnation: number;
}

export type Message =
  | { readonly type: "ping"; readonly sequence: number; readonly rumours: readonly Rumour[] }
  /** `about`: who answered, where it is not the sender. */
  | { readonly type: "ack"; readonly sequence: number; readonly about: NodeId; readonly rumours: readonly Rumour[] }
  | {
      readonly type: "pingRequest";
      readonly sequence: number;
      readonly target: NodeId;
      readonly rumours: readonly Rumour[];
    };

export type Command =
  /** A member that is to be known; one that left is told with `leave`. */
  { readonly type: "join"; readonly node: NodeId } | { readonly type: "leave"; readonly node: NodeId };

export type Fact = { readonly type: "healthChanged" } & Rumour;

export interface GossipProtocol {
  Message: Message;
  Command: Command;
  /** Nothing is kept. */
  Record: never;
  Output: Fact;
  Fact: Fact;
}

export interface GossipConfig {
  readonly id: NodeId;
  readonly members: readonly NodeId[];
  readonly periodMs: number;
  /** From a ping to asking others: below a period. */
  readonly ackTimeoutMs: number;
  /** How many others are asked. */
  readonly indirect: number;
  readonly suspicionMs: number;
  /** Rumours that ride on one message, at most. */
  readonly maximumRumours: number;
}

export const defaultGossipTimings = {
  periodMs: 500,
  ackTimeoutMs: 150,
  indirect: 3,
  suspicionMs: 2000,
  maximumRumours: 8,
} as const;
