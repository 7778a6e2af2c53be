/** Keys and values are bytes; JSON and URLs are text. */
import { emptyBytes, fromUtf8, utf8 } from "../base/index.ts";
import { fail } from "../contract/index.ts";

/**
 * Keys in a path are percent-encoded bytes, UTF-8 or not, but routers decode UTF-8 only. Before routing, each
 * byte becomes the character of that code; `keyOfPath` turns them back.
 */
export function rewriteKeyUrl(request: { url?: string | undefined }): string {
  const url = request.url ?? "/";
  if (!url.startsWith("/v1/keyspaces/")) return url;
  const queryAt = url.indexOf("?");
  const path = queryAt === -1 ? url : url.slice(0, queryAt);
  const keyAt = path.indexOf("/keys/") + "/keys/".length;
  if (keyAt < "/keys/".length || !path.includes("%", keyAt)) return url;
  const key = path.slice(keyAt);
  // A broken escape is left for the router to refuse.
  if (/%(?![0-9A-Fa-f]{2})/.test(key)) return url;
  const characters = key.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return `${path.slice(0, keyAt)}${encodeURIComponent(characters)}${queryAt === -1 ? "" : url.slice(queryAt)}`;
}

export function keyOfPath(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

type Pair<Name extends string> = { readonly [N in Name | `${Name}Base64`]?: string };

/** The bytes that `name` or `nameBase64` gives; undefined where neither is there. */
export function bytesOf<Name extends string>(given: Pair<Name>, name: Name): Uint8Array | undefined {
  const text = given[name];
  const base64 = given[`${name}Base64`];
  if (text !== undefined && base64 !== undefined)
    throw fail("bad-request", `give "${name}" or "${name}Base64", not both`);
  if (base64 === undefined) return text === undefined ? undefined : text === "" ? emptyBytes : utf8(text);
  if (!/^(?:[\w+/-]{4})*(?:[\w+/-]{2,3})?={0,2}$/.test(base64))
    throw fail("bad-request", `"${name}Base64" is not base64`);
  return new Uint8Array(Buffer.from(base64, "base64"));
}

export function requiredBytesOf<Name extends string>(given: Pair<Name>, name: Name): Uint8Array {
  const bytes = bytesOf(given, name);
  if (bytes === undefined) throw fail("bad-request", `"${name}" (or "${name}Base64") is missing`);
  return bytes;
}

/** `{ name: text }` where the bytes are UTF-8, else `{ nameBase64 }`. */
export function textOf<Name extends string>(bytes: Uint8Array, name: Name): Pair<Name> {
  try {
    return { [name]: fromUtf8(bytes) } as Pair<Name>;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { [`${name}Base64`]: Buffer.from(bytes).toString("base64") } as Pair<Name>;
  }
}
