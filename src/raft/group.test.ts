import { describe, expect, test } from "vitest";
import { Group } from "./group.suite.ts";

/** A run with every kind of trouble, ended by a calm in which the group must make progress. */
function troubledRun(seed: number, nodes: number): Group {
  const group = new Group({ seed, nodes, lossRate: 0.05, maxDelayMs: 30 });
  let next = 0;
  for (let round = 0; round < 40; round++) {
    group.run(50 + group.random.float() * 200);
    const ids = [...group.members.keys()];
    const any = ids[group.random.below(ids.length)]!;
    switch (group.random.below(10)) {
      case 0:
        if (group.members.get(any)!.raft) group.crash(any);
        break;
      case 1:
        for (const member of group.members.values()) if (!member.raft) group.start(member.id);
        break;
      case 2:
        group.isolate(any);
        break;
      case 3:
        group.heal();
        break;
      case 4:
        if (group.leader())
          group.step(group.leader()!.id, { kind: "command", command: { type: "transfer", to: undefined } });
        break;
      case 5: {
        const voters = ids.filter(() => group.random.below(3) > 0);
        const learners = ids.filter((id) => !voters.includes(id)).slice(0, 1);
        if (voters.length > 0 && group.leader()) {
          group.step(group.leader()!.id, {
            kind: "command",
            command: { type: "changeMembership", batch: 0, voters, learners },
          });
        }
        break;
      }
      default:
        for (const member of group.live())
          if (member.raft!.role === "leader")
            group.propose(member.id, `c${next++}`, `c${next++}`, "x".repeat(50) + next++);
    }
    group.checkLogs();
  }
  group.heal();
  group.lossRate = 0;
  for (const member of group.members.values()) if (!member.raft) group.start(member.id);
  group.run(5000);
  group.propose(group.leader()!.id, "last");
  group.run(3000);
  return group;
}

describe("a group of replicas under crashes, partitions, loss and membership changes", () => {
  for (const nodes of [3, 5]) {
    test(`${nodes} nodes: invariants hold, nothing acknowledged is lost, and it recovers`, () => {
      let acknowledged = 0;
      for (let seed = 1; seed <= 40; seed++) {
        try {
          const group = troubledRun(seed, nodes);
          const leader = group.leader()!;
          const log = leader.machine.log;
          expect(log.at(-1)).toBe("last");
          expect(new Set(log).size).toBe(log.length);
          for (const command of group.acknowledged) expect(log).toContain(command);
          acknowledged += group.acknowledged.length;
          for (const member of group.members.values()) {
            const counted = leader.raft!.membership.voters.includes(member.id);
            if (counted) expect(member.machine.log).toEqual(log);
          }
        } catch (error) {
          throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
        }
      }
      expect(acknowledged).toBeGreaterThan(500);
    });
  }
});

test("a leader that is cut off still says how old its state is at most, also once it has stepped down", () => {
  const group = new Group({ seed: 1, nodes: 3, lossRate: 0, maxDelayMs: 5 });
  group.run(2000);
  const { id } = group.leader()!;
  const raft = group.members.get(id)!.raft!;
  const before = group.reading().wall;
  expect(raft.closed(group.reading())!.at).toBeGreaterThan(before - 500);
  group.isolate(id);
  group.run(3000);
  expect(raft.role).not.toBe("leader");
  const { at } = raft.closed(group.reading())!;
  expect(at).toBeGreaterThan(before - 500);
  expect(at).toBeLessThan(before + 500);
});
