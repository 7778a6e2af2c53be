import { unreachable, type NodeId } from "../../base/index.ts";

/** One thing that may happen next in a small world. A path of them is all that a state needs to be reached again. */
export type Choice =
  /** The message with this number arrives. */
  | { readonly kind: "deliver"; readonly message: number; readonly to: NodeId }
  /** The same, and the network will deliver it once more. */
  | { readonly kind: "repeat"; readonly message: number; readonly to: NodeId }
  /** The oldest write of a node is durable, and the node hears of it. */
  | { readonly kind: "persist"; readonly node: NodeId }
  /** Time passes until the node's next timer is due; the timers of others may come late. */
  | { readonly kind: "timer"; readonly node: NodeId }
  /** The next operation of a client goes to a node. */
  | { readonly kind: "ask"; readonly client: number; readonly node: NodeId }
  /** What a client waits for is sent again, to another node. */
  | { readonly kind: "retry"; readonly client: number; readonly node: NodeId }
  /** `power`: the writes under way are lost; else the kernel has them all. */
  | { readonly kind: "crash"; readonly node: NodeId; readonly power: boolean }
  | { readonly kind: "start"; readonly node: NodeId }
  | { readonly kind: "transfer"; readonly to: NodeId }
  | { readonly kind: "membership"; readonly voters: readonly NodeId[] };

/** A choice in plain words; `what`: the message's text, where it is one. */
export function describeChoice(choice: Choice, what: (message: number) => string): string {
  switch (choice.kind) {
    case "deliver":
      return `node ${choice.to} receives ${what(choice.message)}`;
    case "repeat":
      return `node ${choice.to} receives ${what(choice.message)}, not for the last time`;
    case "persist":
      return `node ${choice.node}'s write is on disk`;
    case "timer":
      return `node ${choice.node}'s timer is due`;
    case "ask":
      return `client ${choice.client} asks node ${choice.node}`;
    case "retry":
      return `client ${choice.client} asks node ${choice.node} again`;
    case "crash":
      return `node ${choice.node} ${choice.power ? "loses power" : "is killed"}`;
    case "start":
      return `node ${choice.node} starts again`;
    case "transfer":
      return `the leader hands over to node ${choice.to}`;
    case "membership":
      return `voters become ${choice.voters.join(",")}`;
    default:
      return unreachable(choice);
  }
}
