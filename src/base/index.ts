/**
 * What every room stands on: ids, time as data, seeded randomness, assertions, bytes and their codec, an ordered map.
 * No protocol, no I/O, no dependency.
 */
export * from "./assert.ts";
export * from "./bytes.ts";
export * from "./codec.ts";
export * from "./frames.ts";
export * from "./ids.ts";
export * from "./ordered-map.ts";
export * from "./random.ts";
export * from "./search.ts";
export * from "./slab.ts";
export * from "./time.ts";
