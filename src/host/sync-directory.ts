import { closeSync, fsyncSync, openSync } from "node:fs";

/** Makes created, renamed and removed entries of a directory durable: a file that is synced is still lost when its name is. */
export function syncDirectory(directory: string): void {
  // Windows opens no directories, and keeps names durable by itself.
  if (process.platform === "win32") return;
  const descriptor = openSync(directory, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
