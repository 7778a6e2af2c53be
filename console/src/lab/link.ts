/** A schedule as part of an address: compressed, in letters that need no escape. */

/** What is longer is no link that anybody could send. */
const mostLetters = 24_000;

/** Undefined: it is too long for a link. */
export async function packed(text: string): Promise<string | undefined> {
  const bytes = await bytesOf(new Blob([text]).stream().pipeThrough(new CompressionStream("deflate-raw")));
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  const letters = btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return letters.length > mostLetters ? undefined : letters;
}

export async function unpacked(letters: string): Promise<string> {
  try {
    const binary = atob(letters.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
    const text = await bytesOf(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw")));
    return new TextDecoder().decode(text);
  } catch (error) {
    throw new Error("The link is damaged: a part of the schedule in it is missing. Ask for its file instead.", {
      cause: error,
    });
  }
}

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer());
}
