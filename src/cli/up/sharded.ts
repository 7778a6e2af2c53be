import { callCluster } from "../cluster-http.ts";
import { portsOf } from "../ports.ts";

/** Beside `default`, whose keys have one order: a keyspace whose keys are spread over groups and leaders. */
const name = "sharded";

/** Makes the keyspace that a new cluster begins with. */
export async function createSharded(base: number, shards: number, onFailure: (why: string) => void): Promise<void> {
  try {
    await callCluster("POST", "/v1/keyspaces", `127.0.0.1:${portsOf(base, 1).http}`, { name, shards });
  } catch (error) {
    onFailure(error instanceof Error ? error.message : String(error));
  }
}
