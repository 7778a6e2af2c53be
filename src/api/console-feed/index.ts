/**
 * What the pages of the console live on: their files, a feed of what happens, and the few things they may ask for.
 *
 *     supervisor ──publish──▶ Feed ──server-sent events──▶ pages     (numbered: a page that comes back misses nothing)
 *
 * It knows no processes and polls nobody: that is the supervisor's.
 */
export { Feed } from "./feed.ts";
export type * from "./messages.ts";
export { addOperations, type OperationAnswer, type OperationRequest } from "./operations.ts";
export { addPages, keepToOwnPages } from "./pages.ts";
