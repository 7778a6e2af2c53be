/**
 * Looks at encoded commands and results without decoding them whole, for those who only pass them on.
 * A command: byte 0 is the version, byte 1 the kind of envelope; a bare command's operation begins at byte 2.
 * A result: byte 0 is the kind, and an error's byte 1 its code.
 */
import { ByteReader, ByteWriter } from "../base/index.ts";
import { storeErrorCodes, type StoreErrorCode } from "./errors.ts";

const version = 1;
const envelopes = { none: 0, session: 1 } as const;
const errorResult = 6;

/** Whether the command has neither a session nor an idempotency key, so that sending it twice would apply it twice. */
export function isBareCommand(command: Uint8Array): boolean {
  return command[1] === envelopes.none;
}

const scratch = new ByteWriter(1024);

/** Puts a bare command into a session. */
export function wrapInSession(command: Uint8Array, session: number, sequence: number, floor: number): Uint8Array {
  scratch.reset();
  return scratch
    .u8(version)
    .u8(envelopes.session)
    .uint(session)
    .uint(sequence)
    .uint(floor)
    .raw(command.subarray(2))
    .finish();
}

/** The session that a command was put into; undefined: none. */
export function sessionOf(command: Uint8Array): number | undefined {
  return command[1] === envelopes.session ? new ByteReader(command, 2).uint() : undefined;
}

/** The error that a result holds; undefined: it is none. */
export function errorCodeOf(result: Uint8Array): StoreErrorCode | undefined {
  return result[0] === errorResult ? storeErrorCodes[result[1] ?? -1] : undefined;
}
