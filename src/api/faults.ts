/** Faults that can be asked of a running cluster: as JSON, as values, and as what each node's links suffer. */
import Type, { type Static } from "typebox";
import { assert, type NodeId } from "../base/index.ts";
import { fail } from "../contract/index.ts";
import type { LinkFault } from "../host/index.ts";

const forMs = Type.Optional(
  Type.Number({
    exclusiveMinimum: 0,
    maximum: 86_400_000,
    description: "Heals by itself after this many milliseconds.",
  }),
);
const NodeNumber = Type.Integer({ minimum: 1, description: "A node of the cluster." });

/** The body of `POST /v1/cluster/faults`. Which fields a kind needs is said in each description and checked by `parseFault`. */
export const FaultRequest = Type.Object(
  {
    kind: Type.Union(
      [
        Type.Literal("kill"),
        Type.Literal("pause"),
        Type.Literal("resume"),
        Type.Literal("partition"),
        Type.Literal("cut"),
        Type.Literal("delay"),
        Type.Literal("drop"),
        Type.Literal("heal"),
      ],
      {
        description: "heal ends every fault: links work, paused nodes run, killed nodes start; with `fault`, that one.",
      },
    ),
    node: Type.Optional(
      Type.Union([NodeNumber, Type.Literal("leader")], { description: "kill, pause, resume: whom." }),
    ),
    nodes: Type.Optional(
      Type.Array(Type.Array(NodeNumber, { minItems: 1 }), {
        minItems: 1,
        description: "partition: groups that cannot reach each other; nodes that are left out form one more group.",
      }),
    ),
    from: Type.Optional(NodeNumber),
    to: Type.Optional(NodeNumber),
    oneWay: Type.Optional(
      Type.Boolean({
        description:
          "partition: only messages from the first group to the others are lost; cut: only those of `from` to `to`.",
      }),
    ),
    fault: Type.Optional(Type.Integer({ minimum: 1, description: "heal: the number of the one that ends." })),
    delayMs: Type.Optional(Type.Number({ minimum: 0, maximum: 60_000, description: "delay: added to each message." })),
    jitterMs: Type.Optional(Type.Number({ minimum: 0, maximum: 60_000, description: "delay: up to this much more." })),
    rate: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1, description: "drop: share of messages lost." })),
    forMs,
  },
  { additionalProperties: false },
);
export type FaultRequest = Static<typeof FaultRequest>;

export type ProcessFault = {
  readonly kind: "kill" | "pause" | "resume";
  readonly node: NodeId | "leader";
  readonly forMs: number | undefined;
};

export type NetworkFault =
  | {
      readonly kind: "partition";
      readonly groups: readonly (readonly NodeId[])[];
      readonly oneWay: boolean;
      readonly forMs: number | undefined;
    }
  /** One link, all messages. */
  | {
      readonly kind: "cut";
      readonly from: NodeId;
      readonly to: NodeId;
      readonly oneWay: boolean;
      readonly forMs: number | undefined;
    }
  /** Both ways between `from` and `to`; undefined: any node. */
  | {
      readonly kind: "delay";
      readonly from: NodeId | undefined;
      readonly to: NodeId | undefined;
      readonly delayMs: number;
      readonly jitterMs: number;
      readonly forMs: number | undefined;
    }
  | {
      readonly kind: "drop";
      readonly from: NodeId | undefined;
      readonly to: NodeId | undefined;
      readonly rate: number;
      readonly forMs: number | undefined;
    };

/** `fault`: the number of the one that ends; undefined: all of them. */
export type Heal = { readonly kind: "heal"; readonly fault: number | undefined };

export type Fault = ProcessFault | NetworkFault | Heal;

type Kind = FaultRequest["kind"];
type Field = Exclude<keyof FaultRequest, "kind">;
const takes: Readonly<Record<Kind, { readonly needs: readonly Field[]; readonly may: readonly Field[] }>> = {
  kill: { needs: ["node"], may: ["forMs"] },
  pause: { needs: ["node"], may: ["forMs"] },
  resume: { needs: ["node"], may: [] },
  partition: { needs: ["nodes"], may: ["oneWay", "forMs"] },
  cut: { needs: ["from", "to"], may: ["oneWay", "forMs"] },
  delay: { needs: ["delayMs"], may: ["from", "to", "jitterMs", "forMs"] },
  drop: { needs: ["rate"], may: ["from", "to", "forMs"] },
  heal: { needs: [], may: ["fault"] },
};

/** The fault that a well-formed request means for these members. Throws a CohortError (`bad-request`) that says what is wrong. */
export function parseFault(request: FaultRequest, members: readonly NodeId[]): Fault {
  const { needs, may } = takes[request.kind];
  for (const field of needs) {
    if (request[field] === undefined) throw fail("bad-request", `a ${request.kind} fault needs "${field}"`);
  }
  for (const field of Object.keys(request) as (keyof FaultRequest)[]) {
    if (field !== "kind" && request[field] !== undefined && !needs.includes(field) && !may.includes(field)) {
      const fields = [...needs, ...may].join(", ");
      throw fail(
        "bad-request",
        `a ${request.kind} fault does not take "${field}"${fields === "" ? "" : `; it takes ${fields}`}`,
      );
    }
  }
  const known = (node: NodeId): NodeId => {
    if (!members.includes(node)) throw fail("bad-request", `there is no node ${node}; there are ${members.join(", ")}`);
    return node;
  };
  const optional = (node: NodeId | undefined): NodeId | undefined => (node === undefined ? undefined : known(node));
  switch (request.kind) {
    case "kill":
    case "pause":
    case "resume": {
      const node = request.node!;
      return { kind: request.kind, node: node === "leader" ? node : known(node), forMs: request.forMs };
    }
    case "partition":
      return {
        kind: "partition",
        groups: parseGroups(request.nodes!, members, known),
        oneWay: request.oneWay ?? false,
        forMs: request.forMs,
      };
    case "cut":
    case "delay":
    case "drop": {
      const from = optional(request.from);
      const to = optional(request.to);
      if (from !== undefined && from === to) throw fail("bad-request", `node ${from} has no link to itself`);
      if (request.kind === "cut")
        return { kind: "cut", from: from!, to: to!, oneWay: request.oneWay ?? false, forMs: request.forMs };
      return request.kind === "delay"
        ? { kind: "delay", from, to, delayMs: request.delayMs!, jitterMs: request.jitterMs ?? 0, forMs: request.forMs }
        : { kind: "drop", from, to, rate: request.rate!, forMs: request.forMs };
    }
    case "heal":
      return { kind: "heal", fault: request.fault };
  }
}

function parseGroups(
  groups: readonly (readonly NodeId[])[],
  members: readonly NodeId[],
  known: (node: NodeId) => NodeId,
): NodeId[][] {
  const named = groups.flat().map(known);
  if (new Set(named).size !== named.length) throw fail("bad-request", "a node is named twice in the partition");
  const rest = members.filter((node) => !named.includes(node));
  const whole = [...groups.map((group) => [...group]), ...(rest.length > 0 ? [rest] : [])];
  if (whole.length < 2) throw fail("bad-request", "a partition needs nodes on both sides");
  return whole;
}

export interface ActiveFault {
  readonly id: number;
  readonly fault: NetworkFault;
}

/** The network faults that are in force, and what they mean for each node. No clock: the holder ends them. */
export class FaultBook {
  readonly #members: readonly NodeId[];
  #active: readonly ActiveFault[] = [];
  #nextId = 1;

  constructor(members: readonly NodeId[]) {
    this.#members = members;
  }

  get active(): readonly ActiveFault[] {
    return this.#active;
  }

  add(fault: NetworkFault): number {
    const id = this.#nextId++;
    this.#active = [...this.#active, { id, fault }];
    return id;
  }

  /** Whether there was one. */
  remove(id: number): boolean {
    const before = this.#active.length;
    this.#active = this.#active.filter((entry) => entry.id !== id);
    return this.#active.length < before;
  }

  clear(): void {
    this.#active = [];
  }

  /**
   * Everything the links of `node` suffer; links that are not named work. A node applies delay and loss to
   * both directions of a link, so only one end of it does, the lower; `alone`: this node whichever end it is.
   */
  linksOf(node: NodeId, alone = false): LinkFault[] {
    return this.#members
      .filter((peer) => peer !== node)
      .map((peer) => this.#link(node, peer, alone || node < peer))
      .filter((link) => link.blockIn || link.blockOut || link.delayMs > 0 || link.jitterMs > 0 || link.drop > 0);
  }

  #link(node: NodeId, peer: NodeId, slows: boolean): LinkFault {
    let blockIn = false;
    let blockOut = false;
    let delayMs = 0;
    let jitterMs = 0;
    let kept = 1;
    for (const { fault } of this.#active) {
      if (fault.kind === "partition") {
        blockOut ||= parts(fault, node, peer);
        blockIn ||= parts(fault, peer, node);
      } else if (fault.kind === "cut") {
        blockOut ||= cuts(fault, node, peer);
        blockIn ||= cuts(fault, peer, node);
      } else if (slows && touches(fault, node, peer)) {
        if (fault.kind === "drop") kept *= 1 - fault.rate;
        else {
          delayMs += fault.delayMs;
          jitterMs += fault.jitterMs;
        }
      }
    }
    return { peer, blockIn, blockOut, delayMs, jitterMs, drop: 1 - kept };
  }
}

/** Whether the partition loses messages from one node to another. */
function parts(fault: NetworkFault & { kind: "partition" }, from: NodeId, to: NodeId): boolean {
  const side = (node: NodeId): number => fault.groups.findIndex((group) => group.includes(node));
  const fromSide = side(from);
  assert(fromSide !== -1 && side(to) !== -1, "a partition places every member");
  return fromSide !== side(to) && (!fault.oneWay || fromSide === 0);
}

/** Whether the cut loses messages from one node to another. */
function cuts(fault: NetworkFault & { kind: "cut" }, from: NodeId, to: NodeId): boolean {
  return (fault.from === from && fault.to === to) || (!fault.oneWay && fault.from === to && fault.to === from);
}

function touches(
  fault: { readonly from: NodeId | undefined; readonly to: NodeId | undefined },
  a: NodeId,
  b: NodeId,
): boolean {
  const is = (wanted: NodeId | undefined, node: NodeId): boolean => wanted === undefined || wanted === node;
  return (is(fault.from, a) && is(fault.to, b)) || (is(fault.from, b) && is(fault.to, a));
}
