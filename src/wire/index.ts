/**
 * What native clients and nodes say to each other, as bytes: frames (`base/`) on a TCP connection, each a
 * kind and its fields. Requests and replies are pipelined and matched by the client's id; order means nothing.
 *
 *     client                               node
 *     hello ────────────────────────────▶  checks version and cluster
 *           ◀──────────────────────────── welcome, or refused and close
 *     request, cancel ──────────────────▶
 *           ◀──────────────────────────── reply          exactly one for each request
 *     watch, credit, unwatch ───────────▶
 *           ◀──────────────────────────── events …, or watchFailed
 *     ping ─────────────────────────────▶
 *           ◀──────────────────────────── pong, leader (when it changes), closing (soon)
 *
 * No sockets here and no policy: `client/` and `host/` have those.
 */
export * from "./native.ts";
