/**
 * Why a log cannot be opened.
 *
 * - corrupt-middle: a batch is damaged although later ones are intact.
 * - corrupt-tail: the last batch is damaged in a way that no interrupted write leaves, so it may have been acknowledged.
 * - corrupt-header: a segment's header is damaged.
 * - missing-segment: a segment that is still needed is not there.
 * - newer-format: written by a newer version of this program.
 * - wrong-identity: the log of another node or cluster.
 * - unreadable: the disk would not read or write.
 */
export type WalErrorCode =
  | "corrupt-middle"
  | "corrupt-tail"
  | "corrupt-header"
  | "missing-segment"
  | "newer-format"
  | "wrong-identity"
  | "unreadable";

const advice: Readonly<Record<WalErrorCode, string>> = {
  "corrupt-middle": "Acknowledged data is lost on this disk.",
  "corrupt-tail": "Acknowledged data may be lost on this disk.",
  "corrupt-header": "Acknowledged data may be lost on this disk.",
  "missing-segment": "Acknowledged data is lost on this disk, unless the missing file can be put back unchanged.",
  "newer-format": "Start the newer version of the program again, or a later one.",
  "wrong-identity": "Check the data directory and the cluster and node ids in the configuration.",
  unreadable:
    "Check the disk, the permissions, and the system log, then start again. If the disk is lost, start on another one" +
    " with `cohort node --rejoin`: the other nodes have the data.",
};

const fromPeers =
  " Do not edit or delete single files. A node among others puts its log aside and gets the data back from them;" +
  " one that is alone has nobody to get them from.";

/** Thrown by `openWal`; an interrupted last write is never a reason. */
export class WalError extends Error {
  override readonly name = "WalError";
  readonly code: WalErrorCode;
  /** The file it is about, where it is about one. */
  readonly file: string | undefined;
  /** Where in the file, in bytes. */
  readonly offset: number | undefined;

  constructor(code: WalErrorCode, what: string, file?: string, offset?: number) {
    const place = file === undefined ? "" : offset === undefined ? `${file}: ` : `${file} at byte ${offset}: `;
    const lost = code.startsWith("corrupt") || code === "missing-segment";
    super(`${code}: ${place}${what}. ${advice[code]}${lost ? fromPeers : ""}`);
    this.code = code;
    this.file = file;
    this.offset = offset;
  }
}
