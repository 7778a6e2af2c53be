import { DamagedStateError, type Engine } from "../store/index.ts";
import { WalError } from "../wal/index.ts";
import { crc32c } from "./crc32c.ts";
import { openDataDirectory } from "./data-dir.ts";
import { FileDisk } from "./disk.ts";
import { type HostOptions, startHost } from "./host.ts";
import { openLmdbEngine } from "./lmdb-engine.ts";
import type { Logger } from "./logger.ts";
import { endRejoin, lostBy, markLost, prepareRejoin } from "./rejoin.ts";
import { StartupError } from "./startup-error.ts";
import type { Host, HostConfig } from "./types.ts";

export interface OpenOptions extends HostOptions {
  /** Its operator says that this directory is not what the node had: start on nothing, and rejoin. */
  readonly rejoin?: boolean;
}

/**
 * Starts a node on its data directory. What damage leaves of it is put aside where others have the data: the node
 * then rejoins before it votes or counts (docs/decisions/0050). Rejects with a StartupError that says what to do.
 */
export async function openHost(config: HostConfig, logger: Logger, options: OpenOptions = {}): Promise<Host> {
  const { rejoin = false } = options;
  if (rejoin) {
    if (!hasPeers(config))
      throw new StartupError("bad-configuration", "this node is alone", "There is nobody it could rejoin.");
    logger.warn(
      { dataDirectory: config.dataDirectory },
      "begins anew on its operator's word: log and state are put aside",
    );
  }
  try {
    return await openOnce(config, logger, options, rejoin);
  } catch (error) {
    const lost = lostBy(error);
    if (lost === undefined || !hasPeers(config)) throw error instanceof WalError ? asStartupError(error) : error;
    const reason = error instanceof Error ? error.message : String(error);
    logger.error(
      { lost, reason },
      `damage: ${lost} of this disk cannot be used, and what is lost is fetched from the other nodes`,
    );
    markLost(config.dataDirectory, lost, reason);
    return openOnce(config, logger, options, false);
  }
}

function hasPeers({ members, learners }: HostConfig): boolean {
  return members.filter(({ id }) => !learners.includes(id)).length > 1;
}

async function openOnce(config: HostConfig, logger: Logger, options: OpenOptions, anew: boolean): Promise<Host> {
  const { dataDirectory } = config;
  const directory = openDataDirectory(dataDirectory, config, () => {
    if (anew) markLost(dataDirectory, "log and state", "its operator asked for it");
    return prepareRejoin(dataDirectory);
  });
  const { rejoining, aside } = directory;
  if (aside !== undefined)
    logger.warn({ aside }, "what was damaged is there; it is not needed any more once this node has rejoined");
  if (rejoining) logger.warn({}, "this node does not vote and is not counted until it has rejoined");
  let engine: Engine;
  let rings: Engine;
  try {
    engine = openLmdbEngine({ directory: directory.state });
    rings = openLmdbEngine({ directory: directory.rings });
  } catch (error) {
    directory.release();
    const damaged = error instanceof StartupError && error.code === "damaged" && hasPeers(config);
    throw damaged ? new DamagedStateError(error.message, { cause: error }) : error;
  }
  const disk = new FileDisk(directory.log);
  const storage = {
    disk,
    engine,
    rings,
    openShards: (): Engine => openLmdbEngine({ directory: directory.shards }),
    crc32c,
    release: (): void => {
      disk.close();
      directory.release();
    },
    ...(rejoining ? { rejoin: { done: () => endRejoin(dataDirectory) } } : {}),
    ...(hasPeers(config) ? { onDamage: (reason: string) => markLost(dataDirectory, "log and state", reason) } : {}),
  };
  return startHost(config, logger, storage, options);
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
