/**
 * The same commit gives the same verdict: laws draw their cases from one seed. `npm run laws` draws others, and a
 * failure prints the seed that `COHORT_LAW_SEED=… npx vitest run FILE` repeats.
 */
import fc from "fast-check";

const wanted = process.env["COHORT_LAW_SEED"] ?? "1";
// fast-check draws a seed of its own where none is set.
if (wanted !== "random") fc.configureGlobal({ seed: Number(wanted) });
