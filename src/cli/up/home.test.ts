import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { claimDirectory, emptyDirectory, openHome } from "./home.ts";

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), "cohort-home-"))));
afterEach(() => rmSync(directory, { recursive: true }));

describe("a data directory", () => {
  test("is made where there is none, and keeps its cluster id", () => {
    const path = claimDirectory(join(directory, "new"));
    const home = openHome(path, undefined);
    expect(home).toMatchObject({ nodes: 3, created: true });
    expect(openHome(claimDirectory(path), undefined)).toEqual({ ...home, created: false });
  });

  test("that holds something else is left alone, also by --fresh", () => {
    writeFileSync(join(directory, "thesis.tex"), "years of work");
    expect(() => claimDirectory(directory)).toThrow(/not a data directory of Cohort: it holds "thesis.tex"/);
    expect(readdirSync(directory)).toEqual(["thesis.tex"]);
  });

  test("with nodes but without our marker is not ours", () => {
    mkdirSync(join(directory, "node-1"));
    expect(() => claimDirectory(directory)).toThrow(/no cohort\.json/);
  });

  test("is emptied down to nothing, and then begins anew", () => {
    const { clusterId } = openHome(directory, 5);
    mkdirSync(join(directory, "node-1", "data"), { recursive: true });
    writeFileSync(join(directory, "node-1", "data", "x"), "x");
    emptyDirectory(claimDirectory(directory));
    expect(existsSync(join(directory, "node-1"))).toBe(false);
    expect(openHome(directory, undefined)).toMatchObject({ nodes: 3, created: true });
    expect(openHome(directory, undefined).clusterId).not.toBe(clusterId);
  });

  test("does not change its number of nodes", () => {
    openHome(directory, 3);
    expect(() => openHome(directory, 5)).toThrow(/has 3 nodes, not 5/);
    expect(openHome(directory, 3).nodes).toBe(3);
  });

  test.each([
    ["{", /cannot be read/],
    ["{}", /does not say which cluster/],
    ['{"format":99,"clusterId":"x","nodes":3}', /format 99; this version knows up to 1/],
  ])("with the marker %j is refused", (text, message) => {
    writeFileSync(join(directory, "cohort.json"), text);
    expect(() => openHome(directory, undefined)).toThrow(message);
  });
});
