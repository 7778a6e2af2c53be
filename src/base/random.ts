/** The only source of randomness a protocol may use. The same seed gives the same sequence in every world. */
export interface Random {
  /** A whole number in [0, 2^32). */
  u32(): number;
  /** A number in [0, 1). */
  float(): number;
  /** A whole number in [0, bound). `bound` is at least 1. */
  below(bound: number): number;
  /** An independent generator; the parent moves on by one draw. */
  fork(): Random;
}

/**
 * sfc32 (Chris Doty-Humphrey, PractRand): 128 bits of state, passes PractRand and BigCrush,
 * and needs only 32-bit operations, so that it is exact and fast in JavaScript.
 */
export function seededRandom(seed: number): Random {
  // A float seed beyond 32 bits keeps its high part, so that seeds from Number.MAX_SAFE_INTEGER down differ.
  let a = seed >>> 0;
  let b = Math.floor(seed / 2 ** 32) >>> 0;
  let c = 0x9e3779b9;
  let counter = 1;
  const u32 = (): number => {
    const sum = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) >>> 0;
    c = ((c << 21) | (c >>> 11)) >>> 0;
    c = (c + sum) >>> 0;
    return sum;
  };
  for (let i = 0; i < 15; i++) u32();
  const below = (bound: number): number => Math.floor((u32() / 2 ** 32) * bound);
  return {
    u32,
    float: () => u32() / 2 ** 32,
    below,
    fork: () => seededRandom(u32() + (u32() & 0x1fffff) * 2 ** 32),
  };
}
