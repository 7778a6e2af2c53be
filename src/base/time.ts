/**
 * Time as a protocol sees it, in milliseconds (fractions allowed).
 * `mono` never goes back and means nothing across machines or restarts.
 * `wall ± error` is what a clock service claims: the true time lies inside.
 */
export interface Reading {
  readonly mono: number;
  readonly wall: number;
  readonly error: number;
}
