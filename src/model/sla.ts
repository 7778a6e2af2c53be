import { erlangTail } from "./statistics.ts";
import type { Outages } from "./availability.ts";

const hoursAYear = 8766;
export const msAnHour = 3_600_000;

/**
 * The risk of missing an availability objective in one period: the probability that the outages of the period add up to
 * more than it allows. Outages come at random (Poisson) and last an exponential time, so their sum is compound Poisson:
 * Σₖ P(k outages) · P(k durations exceed the allowance). (Feller, volume II, section VI.4.)
 */
export function availabilityRisk(
  { perYear, meanHours }: Pick<Outages, "perYear" | "meanHours">,
  percent: number,
  overMs: number,
): number {
  const allowedHours = ((1 - percent / 100) * overMs) / msAnHour;
  const mean = (perYear * overMs) / msAnHour / hoursAYear;
  if (mean === 0 || meanHours === 0) return 0;
  const most = Math.ceil(mean + 12 * Math.sqrt(mean) + 20);
  let risk = 0;
  let probability = Math.exp(-mean);
  for (let k = 1; k <= most; k++) {
    probability *= mean / k;
    risk += probability * erlangTail(k, allowedHours / meanHours);
  }
  return Math.min(1, risk);
}

/** Two independent sources of outages as one: rates add up, durations are weighted by them. */
export function together(
  one: Pick<Outages, "perYear" | "meanHours">,
  other: Pick<Outages, "perYear" | "meanHours">,
): { perYear: number; meanHours: number } {
  const perYear = one.perYear + other.perYear;
  const hours = one.perYear * one.meanHours + other.perYear * other.meanHours;
  return { perYear, meanHours: perYear === 0 ? 0 : hours / perYear };
}
