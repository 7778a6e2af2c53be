export type * from "./types.ts";
export {
  decodeNodeMessage,
  encodeNodeMessage,
  fromLogRecord,
  readNodeMessage,
  toLogRecord,
  writeNodeMessage,
} from "./codec.ts";
