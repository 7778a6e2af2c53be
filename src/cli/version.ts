import manifest from "cohort/package.json" with { type: "json" };

/** Of this package, as its package.json says, in the repository and as published. */
export const version: string = manifest.version;
