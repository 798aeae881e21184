// Owns what a test asks the admin endpoint, and the reading of its metrics. Knows nothing of what they mean.
import { connectRaw } from "./raw_client.ts";

/** An answer of the endpoint. */
export interface AdminAnswer {
  readonly status: number;
  readonly fields: Headers;
  readonly body: string;
}

/** A scrape: its text, and each sample's value by its name with labels as written. */
export interface Samples {
  readonly text: string;
  readonly values: ReadonlyMap<string, number>;
}

/** What is not the usual of a question. */
export interface AdminQuestion {
  readonly method?: string;
  readonly accept?: string;
  readonly host?: string;
}

/** Asks a path on this machine. */
export async function askAdmin(port: number, path: string, question: AdminQuestion = {}): Promise<AdminAnswer> {
  const { method = "GET", accept = "*/*", host = "127.0.0.1" } = question;
  await using client = await connectRaw({ host: "127.0.0.1", port });
  await client.send(
    `${method} ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nAccept: ${accept}\r\nConnection: close\r\n\r\n`,
  );
  const { octets } = await client.readToEnd();
  const [head = "", ...rest] = octets.split("\r\n\r\n");
  const [line = "", ...fields] = head.split("\r\n");
  return {
    status: Number(/^HTTP\/1\.1 ([0-9]{3}) /.exec(line)?.[1]),
    fields: new Headers(fields.map((field) => [field.split(": ")[0]!, field.slice(field.indexOf(": ") + 2)])),
    body: rest.join("\r\n\r\n"),
  };
}

/** Scrapes the metrics. Throws where a line is none of the text format's. */
export async function scrape(port: number): Promise<Samples> {
  const { body: text } = await askAdmin(port, "/metrics");
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("# HELP ") || line.startsWith("# TYPE ")) continue;
    const [, name, value] = /^([a-z_:][a-z0-9_:]*(?:\{[^}]*\})?) ([0-9.e+-]+|\+Inf|NaN)$/.exec(line) ?? [];
    if (name === undefined || values.has(name)) throw new Error(`Bad or repeated line in the scrape: ${line}`);
    values.set(name, Number(value));
  }
  return { text, values };
}
