import { expect, test } from "vitest";
import { boundOf, chronyError } from "./clock-error.ts";

const tracking = (leap: string): string =>
  `A9FEA97B,169.254.169.123,4,1700000000.123,-0.000012,0.000003,0.000020,-2.5,0.001,0.02,0.000400,0.000150,16.2,${leap}\n`;

test("the bound is offset, root dispersion and half the root delay", () => {
  expect(boundOf(tracking("Normal"))).toBeCloseTo(0.012 + 0.15 + 0.2, 9);
});

test.each([[tracking("Not synchronised")], [""], ["506 Cannot talk to daemon"], ["a,b,c,d,e,f,g,h,i,j,k,l,m,n"]])(
  "%j bounds nothing",
  (text) => {
    expect(boundOf(text)).toBeUndefined();
  },
);

test("what chrony says is believed for a while, and less exactly as time passes; otherwise the configured bound holds", () => {
  let now = 0;
  let answer: ((output: string | undefined) => void) | undefined;
  const source = chronyError(250, { mono: () => now }, (_command, _args, done) => void (answer = done));
  expect(source.errorMs).toBe(250);
  answer!(tracking("Normal"));
  expect(source.errorMs).toBeCloseTo(0.362, 9);
  now = 50_000;
  expect(source.errorMs).toBeCloseTo(5.362, 9);
  answer!(undefined);
  expect(source.errorMs).toBeCloseTo(5.362, 9);
  now = 60_001;
  expect(source.errorMs).toBe(250);
  source.close();
});

test("a machine without chrony keeps the configured bound", async () => {
  const source = chronyError(7, { mono: () => 0 });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(source.errorMs).toBeGreaterThan(0);
  source.close();
});
