/**
 * The client library.
 *
 *     const db = connect({ endpoints: ["127.0.0.1:7401"] });
 *     await db.put("greeting", "hello");
 *     const item = await db.get("greeting", { consistency: "monotonic" });
 *     await db.transaction(async (tx) => tx.put("total", await sum(tx.list({ prefix: "parts/" }))));
 *     for await (const change of db.watch({ prefix: "jobs/" })) …
 *     await db.close();
 *
 * It finds the leader and follows it, applies each write exactly once however often it has to be sent, and gives
 * every call a deadline. Errors are CohortErrors: `code` from the catalogue, and `definite` says whether the
 * operation certainly did not happen. It keeps no cache and decides nothing about consistency: nodes do.
 *
 * `createClient` takes the world (clock, randomness, transport) as a parameter: `world.ts`. The simulator has one too.
 */
export { CohortError } from "../contract/index.ts";
export { createClient, Client } from "./client.ts";
export type { OpenTransaction, SeenItem, TransactionListSettings } from "./interactive.ts";
export { Fence, type Lock } from "./locks.ts";
export type { Prefer } from "./router.ts";
export { Session, type Counter, type Election } from "./session.ts";
export { connect } from "./tcp.ts";
export type * from "./types.ts";
export type { Watch } from "./watch.ts";
export type * from "./world.ts";
