import type { FastifyReply } from "fastify";
import Type from "typebox";
import { fail } from "../../contract/index.ts";
import type { App } from "../http.ts";
import { problemResponse } from "../schemas.ts";
import { Journal, type Entry } from "./journal.ts";
import type { Hello } from "./messages.ts";

const heartbeatMs = 10_000;
/** Pages at one time; each costs a socket. */
const mostPages = 32;
/** A minute of ticks at four a second. */
const mostTicks = 240;
const mostEvents = 500;

interface Page {
  /** The number of the last entry that it was given. */
  sent: number;
  /** Its socket is full: it gets what it missed when that has drained. */
  slow: boolean;
  readonly write: (text: string) => boolean;
  readonly end: () => void;
}

/**
 * Server-sent events for any number of pages. A page that reads slowly is passed over until its socket has room, then
 * gets what the journal still has: nothing is buffered for it, and nobody waits for it.
 */
export class Feed {
  readonly #journal: Journal;
  readonly #hello: Hello;
  readonly #pages = new Set<Page>();
  readonly #onPages: (count: number) => void;

  /** `onPages` is told how many pages watch whenever that changes. */
  constructor(hello: Hello, epoch: string, onPages: (count: number) => void) {
    this.#hello = hello;
    this.#journal = new Journal(epoch, mostTicks, mostEvents);
    this.#onPages = onPages;
  }

  publish(entry: Entry): void {
    const number = this.#journal.add(entry);
    const text = this.#textOf(number, entry);
    for (const page of this.#pages) {
      if (page.slow) continue;
      page.sent = number;
      page.slow = !page.write(text);
    }
  }

  addRoute(app: App): void {
    app.addHook("preClose", (done) => {
      for (const page of this.#pages) page.end();
      done();
    });
    app.get(
      "/console/feed",
      {
        exposeHeadRoute: false,
        schema: {
          summary: "The cluster as it changes, as server-sent events; comes back with Last-Event-ID",
          response: {
            200: {
              description: "Events",
              content: { "text/event-stream": { schema: Type.Unsafe<string>({ type: "string" }) } },
            },
            default: problemResponse,
          },
        },
      },
      (request, reply) => {
        if (this.#pages.size >= mostPages) throw fail("overloaded", `${mostPages} pages watch already`, true);
        const last = request.headers["last-event-id"];
        reply.hijack();
        this.#serve(reply, this.#journal.numberOf(typeof last === "string" ? last : undefined));
      },
    );
  }

  #serve(reply: FastifyReply, from: number): void {
    const response = reply.raw;
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    const heartbeat = setInterval(() => response.write(": still here\n\n"), heartbeatMs);
    const page: Page = {
      sent: from,
      slow: false,
      write: (text) => response.write(text),
      end: () => {
        clearInterval(heartbeat);
        if (this.#pages.delete(page)) this.#onPages(this.#pages.size);
        response.end();
      },
    };
    response.on("close", page.end);
    response.on("drain", () => {
      page.slow = false;
      this.#catchUp(page);
    });
    response.write(`retry: 500\ndata: ${JSON.stringify(this.#hello)}\n\n`);
    this.#pages.add(page);
    this.#catchUp(page);
    this.#onPages(this.#pages.size);
  }

  /** As much as the socket takes. */
  #catchUp(page: Page): void {
    for (const { number, entry } of this.#journal.after(page.sent)) {
      page.sent = number;
      page.slow = !page.write(this.#textOf(number, entry));
      if (page.slow) return;
    }
  }

  #textOf(number: number, entry: Entry): string {
    return `id: ${this.#journal.idOf(number)}\ndata: ${JSON.stringify(entry)}\n\n`;
  }
}
