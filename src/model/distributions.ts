import type { Random } from "../base/index.ts";

/**
 * How long something takes, in milliseconds, as data: given by a formula, or measured. `floorMs` is what it takes at
 * the least (the speed of light, say); the rest is added to it.
 */
export type Distribution =
  | { readonly kind: "constant"; readonly ms: number }
  | { readonly kind: "uniform"; readonly minMs: number; readonly maxMs: number }
  | { readonly kind: "exponential"; readonly meanMs: number; readonly floorMs?: number }
  /** The logarithm is normal: most delays of networks within a zone look like this. */
  | { readonly kind: "lognormal"; readonly medianMs: number; readonly p99Ms: number; readonly floorMs?: number }
  /** `scaleMs` is the least; the smaller `shape`, the longer the tail. */
  | { readonly kind: "pareto"; readonly scaleMs: number; readonly shape: number }
  /** Measured: pairs of a share of the occurrences and what they took at most, both growing, from share 0 to share 1. */
  | { readonly kind: "measured"; readonly quantiles: readonly (readonly [share: number, ms: number])[] }
  /** One of several, by share; the shares add up to 1. */
  | { readonly kind: "mixture"; readonly parts: readonly { readonly share: number; readonly of: Distribution }[] };

export const distributionKinds = [
  "constant",
  "uniform",
  "exponential",
  "lognormal",
  "pareto",
  "measured",
  "mixture",
] as const satisfies readonly Distribution["kind"][];

/** The 99th percentile of the standard normal distribution. */
const z99 = 2.3263478740408408;

/** One draw, in milliseconds. */
export function draw(distribution: Distribution, random: Random): number {
  switch (distribution.kind) {
    case "constant":
      return distribution.ms;
    case "uniform":
      return distribution.minMs + random.float() * (distribution.maxMs - distribution.minMs);
    case "exponential":
      return (distribution.floorMs ?? 0) + exponential(random) * distribution.meanMs;
    case "lognormal":
      return (distribution.floorMs ?? 0) + distribution.medianMs * Math.exp(sigmaOf(distribution) * normal(random));
    case "pareto":
      return distribution.scaleMs * (1 - random.float()) ** (-1 / distribution.shape);
    case "measured":
      return interpolate(distribution.quantiles, random.float());
    case "mixture": {
      let place = random.float();
      for (const { share, of } of distribution.parts) if ((place -= share) < 0) return draw(of, random);
      return draw(distribution.parts.at(-1)!.of, random);
    }
  }
}

/** The mean, in milliseconds; infinite for a Pareto distribution of shape 1 or less. */
export function meanOf(distribution: Distribution): number {
  switch (distribution.kind) {
    case "constant":
      return distribution.ms;
    case "uniform":
      return (distribution.minMs + distribution.maxMs) / 2;
    case "exponential":
      return (distribution.floorMs ?? 0) + distribution.meanMs;
    case "lognormal":
      return (distribution.floorMs ?? 0) + distribution.medianMs * Math.exp(sigmaOf(distribution) ** 2 / 2);
    case "pareto":
      return distribution.shape <= 1
        ? Infinity
        : (distribution.scaleMs * distribution.shape) / (distribution.shape - 1);
    case "measured": {
      let sum = 0;
      for (let i = 1; i < distribution.quantiles.length; i++) {
        const [fromShare, fromMs] = distribution.quantiles[i - 1]!;
        const [share, ms] = distribution.quantiles[i]!;
        sum += ((share - fromShare) * (fromMs + ms)) / 2;
      }
      return sum;
    }
    case "mixture":
      return distribution.parts.reduce((sum, { share, of }) => sum + share * meanOf(of), 0);
  }
}

function sigmaOf({ medianMs, p99Ms }: Extract<Distribution, { kind: "lognormal" }>): number {
  return Math.log(p99Ms / medianMs) / z99;
}

function interpolate(quantiles: readonly (readonly [number, number])[], share: number): number {
  let [fromShare, fromMs] = quantiles[0]!;
  for (const [toShare, toMs] of quantiles) {
    if (share <= toShare)
      return toShare === fromShare ? toMs : fromMs + ((toMs - fromMs) * (share - fromShare)) / (toShare - fromShare);
    [fromShare, fromMs] = [toShare, toMs];
  }
  return fromMs;
}

/** A draw of mean 1. */
export function exponential(random: Random): number {
  return -Math.log(1 - random.float());
}

/** Standard normal (Box and Muller, 1958). */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float());
}

/** What is wrong with a distribution, and where: `path` names the part. Empty: nothing. */
export function distributionProblems(distribution: Distribution, path: string): string[] {
  const problems: string[] = [];
  const least = (name: string, value: number, from: number): void => {
    if (!(value >= from)) problems.push(`${path}.${name}: ${value}; give ${from === 0 ? "0" : `${from}`} or more`);
  };
  const above = (name: string, value: number): void => {
    if (!(value > 0)) problems.push(`${path}.${name}: ${value}; give more than 0`);
  };
  switch (distribution.kind) {
    case "constant":
      least("ms", distribution.ms, 0);
      break;
    case "uniform":
      least("minMs", distribution.minMs, 0);
      if (distribution.maxMs < distribution.minMs)
        problems.push(`${path}.maxMs: ${distribution.maxMs} is below minMs (${distribution.minMs}); swap them`);
      break;
    case "exponential":
      above("meanMs", distribution.meanMs);
      least("floorMs", distribution.floorMs ?? 0, 0);
      break;
    case "lognormal":
      above("medianMs", distribution.medianMs);
      least("floorMs", distribution.floorMs ?? 0, 0);
      if (distribution.p99Ms < distribution.medianMs)
        problems.push(
          `${path}.p99Ms: ${distribution.p99Ms} is below the median (${distribution.medianMs}); both are measured above floorMs`,
        );
      break;
    case "pareto":
      above("scaleMs", distribution.scaleMs);
      above("shape", distribution.shape);
      break;
    case "measured":
      problems.push(...quantileProblems(distribution.quantiles, `${path}.quantiles`));
      break;
    case "mixture": {
      const sum = distribution.parts.reduce((total, { share }) => total + share, 0);
      if (Math.abs(sum - 1) > 1e-6)
        problems.push(`${path}.parts: the shares add up to ${Number(sum.toFixed(6))}; make them add up to 1`);
      for (const [i, { share, of }] of distribution.parts.entries()) {
        least(`parts[${i}].share`, share, 0);
        problems.push(...distributionProblems(of, `${path}.parts[${i}].of`));
      }
    }
  }
  return problems;
}

function quantileProblems(quantiles: readonly (readonly [number, number])[], path: string): string[] {
  const problems: string[] = [];
  if (quantiles.length < 2 || quantiles[0]![0] !== 0 || quantiles.at(-1)![0] !== 1)
    problems.push(`${path}: begin with share 0 (the least) and end with share 1 (the most)`);
  for (let i = 1; i < quantiles.length; i++) {
    const [before, now] = [quantiles[i - 1]!, quantiles[i]!];
    if (now[0] <= before[0] || now[1] < before[1])
      problems.push(`${path}[${i}]: [${now.join(", ")}] after [${before.join(", ")}]; shares and times must grow`);
  }
  if (quantiles.some(([, ms]) => ms < 0)) problems.push(`${path}: times are 0 or more`);
  return problems;
}
