// Owns a strict reading of HTTP/1 messages for the tests, written apart from the product's own so that the two cannot
// share a mistake. Works on text of one character per octet. Anything that is not exactly well-formed throws.

/** One field line: the name and value as they were on the wire, the white space around the value dropped. */
export type FieldLine = readonly [name: string, value: string];

/** How the end of a body was marked. */
export type BodyFraming = "none" | "length" | "chunked" | "until-close";

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** A message as it was on the wire. `complete` is false where the stream ended first. */
export class HttpMessage {
  readonly startLine: string;
  readonly fields: readonly FieldLine[];
  readonly framing: BodyFraming;
  /** Octets, chunks joined. */
  readonly body: string;
  readonly trailers: readonly FieldLine[];
  readonly complete: boolean;
  /** Everything from the first octet of the start line to the last of the message. */
  readonly raw: string;

  constructor(
    parts: Pick<HttpMessage, "startLine" | "fields" | "framing" | "body" | "trailers" | "complete" | "raw">,
  ) {
    this.startLine = parts.startLine;
    this.fields = parts.fields;
    this.framing = parts.framing;
    this.body = parts.body;
    this.trailers = parts.trailers;
    this.complete = parts.complete;
    this.raw = parts.raw;
  }

  /** The values of all lines of that name, in order. */
  values(name: string): string[] {
    return this.fields.filter((field) => field[0].toLowerCase() === name.toLowerCase()).map((field) => field[1]);
  }

  /** The value of the only line of that name; undefined where there is none. Throws where there are several. */
  value(name: string): string | undefined {
    const values = this.values(name);
    if (values.length > 1) throw new Error(`Read one ${name} field: ${values.length} lines of it in ${this.raw}`);
    return values[0];
  }

  /** Names in lower case, in order. */
  get names(): string[] {
    return this.fields.map((field) => field[0].toLowerCase());
  }
}

/** A response with the parts of its status line. */
export class HttpResponse extends HttpMessage {
  get version(): string {
    return this.startLine.slice(0, 8);
  }

  get status(): number {
    return Number(this.startLine.slice(9, 12));
  }

  get reason(): string {
    return this.startLine.slice(13);
  }

  /** Whether the response itself says that the connection ends with it. */
  get closes(): boolean {
    return listOf(this.values("connection")).some((option) => option.toLowerCase() === "close");
  }
}

/** A request with the parts of its request line. */
export class HttpRequest extends HttpMessage {
  get method(): string {
    return this.startLine.split(" ")[0] ?? "";
  }

  get target(): string {
    return this.startLine.split(" ")[1] ?? "";
  }
}

/** The elements of a comma-separated field without quoted strings. */
export function listOf(values: readonly string[]): string[] {
  return values.flatMap((value) => value.split(",")).map((element) => element.replace(/^[ \t]+|[ \t]+$/g, ""))
    .filter((element) => element !== "");
}

/** Reads one request from the start of `octets`; undefined while more is needed. `ended`: no more will come. */
export function parseRequest(octets: string, ended: boolean): HttpRequest | undefined {
  const head = parseHead(octets);
  if (head === undefined) return undefined;
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [\x21-\x7e]+ HTTP\/1\.[01]$/.test(head.startLine)) {
    throw new Error(`Bad request line ${JSON.stringify(head.startLine)}`);
  }
  const parts = parseBody(octets, head, "none", ended);
  return parts && new HttpRequest(parts);
}

/** Reads one response (1xx included, as a message of its own) to a request of `method`. */
export function parseResponse(octets: string, method: string, ended: boolean): HttpResponse | undefined {
  const head = parseHead(octets);
  if (head === undefined) return undefined;
  const match = /^HTTP\/1\.[01] ([1-9][0-9][0-9]) [\t\x20-\x7e\x80-\xff]*$/.exec(head.startLine);
  if (match === null) throw new Error(`Bad status line ${JSON.stringify(head.startLine)}`);
  const status = Number(match[1]);
  const bodiless = method === "HEAD" || status < 200 || status === 204 || status === 304 ||
    (method === "CONNECT" && status < 300);
  const parts = bodiless
    ? { ...head, framing: "none" as const, body: "", trailers: [], complete: true, raw: octets.slice(0, head.length) }
    : parseBody(octets, head, "until-close", ended);
  return parts && new HttpResponse(parts);
}

interface Head {
  readonly startLine: string;
  readonly fields: FieldLine[];
  readonly length: number;
}

function parseHead(octets: string): Head | undefined {
  const end = octets.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [startLine = "", ...lines] = octets.slice(0, end).split("\r\n");
  return { startLine, fields: lines.map(parseFieldLine), length: end + 4 };
}

function parseFieldLine(line: string): FieldLine {
  const colon = line.indexOf(":");
  const name = line.slice(0, Math.max(colon, 0));
  const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "");
  if (!TOKEN.test(name) || !FIELD_VALUE.test(value)) throw new Error(`Bad field line ${JSON.stringify(line)}`);
  return [name, value];
}

function parseBody(octets: string, head: Head, otherwise: "none" | "until-close", ended: boolean) {
  const valuesOf = (name: string) => head.fields.filter((f) => f[0].toLowerCase() === name).map((f) => f[1]);
  const lengths = valuesOf("content-length");
  const codings = valuesOf("transfer-encoding");
  if (lengths.length + codings.length > 1) {
    throw new Error(`Ambiguous framing: ${JSON.stringify([...lengths, ...codings])}`);
  }
  const base = { startLine: head.startLine, fields: head.fields, trailers: [] as FieldLine[] };
  const rest = octets.slice(head.length);
  if (codings.length === 1) {
    if (codings[0]?.toLowerCase() !== "chunked") throw new Error(`Bad Transfer-Encoding ${codings[0]}`);
    const chunked = parseChunked(rest);
    if (chunked.length === undefined) {
      return ended
        ? { ...base, framing: "chunked" as const, body: chunked.body, complete: false, raw: octets }
        : undefined;
    }
    const raw = octets.slice(0, head.length + chunked.length);
    return { ...base, framing: "chunked" as const, ...chunked, complete: true, raw };
  }
  if (lengths.length === 1) {
    if (!/^[0-9]+$/.test(lengths[0] ?? "")) throw new Error(`Bad Content-Length ${lengths[0]}`);
    const length = Number(lengths[0]);
    if (rest.length < length && !ended) return undefined;
    const raw = octets.slice(0, head.length + length);
    return {
      ...base,
      framing: "length" as const,
      body: rest.slice(0, length),
      complete: rest.length >= length,
      raw,
    };
  }
  if (otherwise === "until-close") {
    return ended ? { ...base, framing: "until-close" as const, body: rest, complete: true, raw: octets } : undefined;
  }
  return { ...base, framing: "none" as const, body: "", complete: true, raw: octets.slice(0, head.length) };
}

function parseChunked(octets: string): { body: string; trailers: FieldLine[]; length: number | undefined } {
  const pieces: string[] = [];
  let at = 0;
  while (true) {
    const lineEnd = octets.indexOf("\r\n", at);
    if (lineEnd < 0) return { body: pieces.join(""), trailers: [], length: undefined };
    const line = octets.slice(at, lineEnd);
    if (!/^[0-9A-Fa-f]{1,15}$/.test(line)) throw new Error(`Bad chunk size line ${JSON.stringify(line)}`);
    const size = parseInt(line, 16);
    at = lineEnd + 2;
    if (size === 0) break;
    pieces.push(octets.slice(at, at + size));
    if (octets.length < at + size + 2) return { body: pieces.join(""), trailers: [], length: undefined };
    if (octets.slice(at + size, at + size + 2) !== "\r\n") throw new Error("Chunk data is not followed by CRLF");
    at += size + 2;
  }
  if (octets.startsWith("\r\n", at)) return { body: pieces.join(""), trailers: [], length: at + 2 };
  const end = octets.indexOf("\r\n\r\n", at);
  if (end < 0) return { body: pieces.join(""), trailers: [], length: undefined };
  return {
    body: pieces.join(""),
    trailers: octets.slice(at, end).split("\r\n").map(parseFieldLine),
    length: end + 4,
  };
}
