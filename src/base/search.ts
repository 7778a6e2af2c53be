/** Binary searches: how long the beginning of a sorted list is that a limit cuts off. */

/** How many of `length` places satisfy a condition that holds for a beginning of them. */
export function countWhile(length: number, holds: (place: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many of the sorted numbers are below a limit: the place of the first that is not. */
export function countBelow(sorted: ArrayLike<number>, limit: number): number {
  return countWhile(sorted.length, (place) => sorted[place]! < limit);
}

/** How many of the sorted numbers are at most so large. */
export function countUpTo(sorted: ArrayLike<number>, most: number): number {
  return countWhile(sorted.length, (place) => sorted[place]! <= most);
}
