/**
 * The real world of one node: sockets, files, timers, and the loop that drives its core with them.
 *
 *     peers ──┐                      ┌── peers            messages
 *     clients ┼─▶ events ─▶ core ─▶ ┼── log             one write and one sync for all of a turn
 *     log ────┘   (one turn)         └── clients, store   replies; checkpoints
 *
 * It decides nothing that the protocols decide, and it knows no HTTP: that is `api/`.
 */
export { openHost } from "./open.ts";
export { parseAddress, type Address } from "./address.ts";
export { type ClockErrorSourceName, clockErrorSources } from "./clock-error.ts";
export { silentLogger, type Logger } from "./logger.ts";
export { StartupError, type StartupErrorCode } from "./startup-error.ts";
export type * from "./types.ts";
