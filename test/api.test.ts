/** The public face of every room, in one file, so that a change of it is seen in review. */
import { expect, test } from "vitest";
import { publicApi } from "./api/declarations.ts";

test("the public API is the one that was reviewed (after a wanted change: npx vitest run test/api -u)", async () => {
  const api = publicApi();
  expect(api).toContain("## cohort/base\n");
  expect(api).toContain("export declare function compareBytes(a: Uint8Array, b: Uint8Array): number;");
  await expect(api).toMatchFileSnapshot("api.snapshot.txt");
});
