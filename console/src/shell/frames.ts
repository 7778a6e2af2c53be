import { onCleanup } from "solid-js";

/** Does something before the next frame is painted, once however often it is asked for; not after its owner is gone. */
export function oncePerFrame(run: () => void): () => void {
  let frame = 0;
  onCleanup(() => cancelAnimationFrame(frame));
  return () => {
    if (frame !== 0) return;
    frame = requestAnimationFrame(() => {
      frame = 0;
      run();
    });
  };
}
