import { fail } from "../contract/index.ts";
import { Calls } from "./calls.ts";
import { wholeNumber } from "./input.ts";
import { Router } from "./router.ts";
import type { ClientOptions } from "./types.ts";
import { TimerWheel } from "./wheel.ts";
import type { World } from "./world.ts";
import { Writes } from "./writes.ts";

/** What works inside a client, beneath its promises: links, routing, retries and the session of its writes. */
interface ClientEngine {
  readonly calls: Calls;
  readonly writes: Writes;
  readonly router: Router;
  readonly wheel: TimerWheel;
}

/** Nothing is connected before the first call. Throws a CohortError (`bad-request`). */
export function createEngine(
  world: World,
  options: Pick<ClientOptions, "endpoints" | "clusterId" | "maxOutstandingWrites">,
): ClientEngine {
  const { endpoints, clusterId = "" } = options;
  if (endpoints.length === 0) throw fail("bad-request", 'name at least one endpoint, for example "127.0.0.1:7401"');
  for (const endpoint of endpoints) {
    if (!/^.+:\d{1,5}$/.test(endpoint))
      throw fail("bad-request", `"${endpoint}" is not an endpoint; write host:port, for example 127.0.0.1:7401`);
  }
  const maxOutstanding = wholeNumber(options.maxOutstandingWrites, "maxOutstandingWrites", 1) ?? 1024;
  const wheel = new TimerWheel(world);
  const router = new Router(endpoints, clusterId, world, wheel);
  const calls = new Calls(world, wheel, router);
  const writes = new Writes(calls, world, Math.min(maxOutstanding, 4096));
  return { calls, writes, router, wheel };
}
