/** Clusters in one process, on loopback and on disks in memory, for tests of the host and what is above it. */
import { setTimeout as sleep } from "node:timers/promises";
import { memoryEngine, type EngineError, type MemoryEngine } from "../store/index.ts";
import { crc32c, MemoryDisk } from "../wal/index.ts";
import { startHost, type HostOptions } from "./host.ts";
import { freePort, recordingLogger } from "./network.suite.ts";
import type { Host, HostConfig, MemberAddress } from "./types.ts";

export interface TestNode {
  readonly config: HostConfig;
  host: Host | undefined;
  disk: MemoryDisk;
  engine: MemoryEngine;
  /** Of groups of shards. */
  readonly shards: MemoryEngine;
  rings: MemoryEngine;
  /** The engine says that it is full. */
  refusesCommits: boolean;
  readonly log: string[];
  readonly fatal: unknown[];
}

export async function memberAddresses(count: number): Promise<MemberAddress[]> {
  const members: MemberAddress[] = [];
  for (let id = 1; id <= count; id++) {
    const [http, peer, native] = [await freePort(), await freePort(), await freePort()].map(
      (port) => `127.0.0.1:${port}`,
    );
    members.push({ id, http: http!, peer: peer!, native: native! });
  }
  return members;
}

export function hostConfig(
  nodeId: number,
  members: readonly MemberAddress[],
  more: Partial<HostConfig> = {},
): HostConfig {
  return {
    clusterId: "test",
    nodeId,
    dataDirectory: "",
    members,
    learners: [],
    allowFaults: true,
    logLevel: "info",
    electionTimeoutMs: 150,
    heartbeatMs: 30,
    leases: true,
    clockErrorMs: 1,
    segmentSizeBytes: 1024 * 1024,
    maxValueBytes: 1024 * 1024,
    maxKeyBytes: 1024,
    ...more,
  };
}

/** A disk that takes about as long as a fast one. */
export function testDisk(): MemoryDisk {
  return new MemoryDisk({ schedule: (_, deliver) => void setImmediate(deliver) });
}

export async function testCluster(count: number, more: Partial<HostConfig> = {}): Promise<TestNode[]> {
  const members = await memberAddresses(count);
  const nodes = members.map(({ id }) => testNode(hostConfig(id, members, more)));
  await Promise.all(nodes.map((node) => startNode(node)));
  return nodes;
}

function testNode(config: HostConfig): TestNode {
  const fault = (): EngineError | undefined => (node.refusesCommits ? { code: "full", message: "ENOSPC" } : undefined);
  const node: TestNode = {
    config,
    host: undefined,
    disk: testDisk(),
    engine: memoryEngine({ schedule: (deliver) => void setImmediate(deliver), fault }),
    shards: memoryEngine({ schedule: (deliver) => void setImmediate(deliver), fault }),
    rings: memoryEngine({ schedule: (deliver) => void setImmediate(deliver), fault }),
    refusesCommits: false,
    log: [],
    fatal: [],
  };
  return node;
}

export async function startNode(node: TestNode, options: HostOptions = {}): Promise<Host> {
  const { disk, engine, rings, shards } = node;
  const storage = { disk, engine, rings, openShards: () => shards, crc32c, release: () => {} };
  const onFatal = (error: unknown): void => void node.fatal.push(error);
  node.host = await startHost(node.config, recordingLogger(node.log), storage, { onFatal, ...options });
  return node.host;
}

export async function stopCluster(nodes: readonly TestNode[]): Promise<void> {
  await Promise.all(nodes.map(async ({ host }) => host?.close()));
}

/** The node that leads, once one does and the others know. */
export async function leaderOf(nodes: readonly TestNode[]): Promise<TestNode> {
  for (let i = 0; i < 500; i++) {
    const running = nodes.filter(({ host }) => host !== undefined);
    const views = running.map(({ host }) => host!.status().groups[0]!.leader);
    const leader = running.find(({ config }) => config.nodeId === views[0]);
    if (leader !== undefined && views.every((view) => view === views[0])) return leader;
    await sleep(10);
  }
  throw new Error("no leader within 5 s");
}
