import type { Engine } from "../store/index.ts";
import { WalError } from "../wal/index.ts";
import { crc32c } from "./crc32c.ts";
import { openDataDirectory } from "./data-dir.ts";
import { FileDisk } from "./disk.ts";
import { type HostOptions, startHost } from "./host.ts";
import { openLmdbEngine } from "./lmdb-engine.ts";
import type { Logger } from "./logger.ts";
import { StartupError } from "./startup-error.ts";
import type { Host, HostConfig } from "./types.ts";

/** Starts a node on its data directory. Rejects with a StartupError that says what to do. */
export async function openHost(config: HostConfig, logger: Logger, options: HostOptions = {}): Promise<Host> {
  const directory = openDataDirectory(config.dataDirectory, config);
  let engine: ReturnType<typeof openLmdbEngine>;
  try {
    engine = openLmdbEngine({ directory: directory.state });
  } catch (error) {
    directory.release();
    throw error;
  }
  const disk = new FileDisk(directory.log);
  const release = (): void => {
    disk.close();
    directory.release();
  };
  try {
    const openShards = (): Engine => openLmdbEngine({ directory: directory.shards });
    return await startHost(config, logger, { disk, engine, openShards, crc32c, release }, options);
  } catch (error) {
    throw error instanceof WalError ? asStartupError(error) : error;
  }
}

function asStartupError(error: WalError): StartupError {
  const code =
    error.code === "newer-format" || error.code === "wrong-identity"
      ? error.code
      : error.code === "unreadable"
        ? "data-directory-unusable"
        : "damaged";
  return new StartupError(code, "the log cannot be opened", error.message, { cause: error });
}
