/** Memory of a node, idle and with a million keys, and the time until all serve again after all were killed. */
import { Cohort } from "./cohort.ts";
import { memoryOf, sleep, until } from "./processes.ts";

export interface MemoryResult {
  readonly keys: number;
  /** Resident memory of the largest node, everything counted, MB. */
  readonly idleMb: number;
  /** Of the largest node, without pages of files, MB. */
  readonly loadedAnonymousMb: number;
  readonly recoveryMs: number;
}

const nodes = [1, 2, 3];

export async function memory(directory: string, keys: number, say: (text: string) => void): Promise<MemoryResult> {
  const cohort = await Cohort.start(directory);
  await sleep(3000);
  const idle = nodes.map((node) => memoryOf(cohort.pid(node)));
  say(
    `idle: ${idle.map(({ residentMb, anonymousMb }) => `${Math.round(residentMb)} MB (${Math.round(anonymousMb)} of its own)`).join(", ")}`,
  );
  await fill(cohort, keys);
  // Checkpoints and compaction of the last writes.
  await sleep(5000);
  const loaded = nodes.map((node) => memoryOf(cohort.pid(node)));
  say(
    `with ${keys} keys: ${loaded.map(({ residentMb, anonymousMb }) => `${Math.round(residentMb)} MB (${Math.round(anonymousMb)} of its own)`).join(", ")}`,
  );
  await Promise.all(nodes.map(async (node) => cohort.kill(node)));
  const killedAt = performance.now();
  for (const node of nodes) cohort.restart(node);
  await cohort.ready();
  await until("every node serves", 60_000, async () => {
    for (const node of nodes) {
      const response = await fetch(`${cohort.http(node)}/readyz`);
      if (!response.ok) throw new Error(`node ${node}: ${response.status}`);
    }
  });
  const recoveryMs = performance.now() - killedAt;
  say(`serving again after ${Math.round(recoveryMs)} ms`);
  const client = cohort.client();
  const last = await client.get(nameOf(keys - 1));
  if (last?.value.length !== 128) throw new Error("the last key was lost");
  await client.close();
  await cohort.stop();
  return {
    keys,
    idleMb: Math.max(...idle.map(({ residentMb }) => residentMb)),
    loadedAnonymousMb: Math.max(...loaded.map(({ anonymousMb }) => anonymousMb)),
    recoveryMs,
  };
}

function nameOf(i: number): string {
  return `million-${String(i).padStart(11, "0")}`;
}

async function fill(cohort: Cohort, keys: number): Promise<void> {
  const client = cohort.client();
  const value = new Uint8Array(128).fill(120);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < keys) await client.put(nameOf(next++), value, { timeoutMs: 60_000 });
  };
  await Promise.all(Array.from({ length: 512 }, worker));
  await client.close();
}
