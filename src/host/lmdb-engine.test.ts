import fc from "fast-check";
import { test } from "vitest";
import { describeEngine } from "../store/engine.suite.ts";
import { action, compareWithModel } from "../store/store.suite.ts";
import { lmdbFixture } from "./lmdb.suite.ts";

describeEngine("the engine on LMDB", () => lmdbFixture());

test("a store on LMDB is like the model", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 120, size: "max" }), async (actions) => {
      const fixture = await lmdbFixture();
      try {
        await compareWithModel(fixture, actions);
      } finally {
        await fixture.dispose();
      }
    }),
    { numRuns: 20 },
  );
});
