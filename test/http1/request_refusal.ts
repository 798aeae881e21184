// Owns how the tests state a request that is refused, and the check that it is, however its bytes are cut.
import { expect, test } from "bun:test";
import { everyCut, octets, readRequests } from "./message_log.ts";

/** A request and the text and status (400 unless given) that its client sees. */
export interface RefusalRow {
  readonly name: string;
  readonly input: string;
  readonly status?: number;
  readonly details: string;
}

export const HOST = "Host: a.test\r\n";

/** A GET with Host and these field lines. */
export function get(lines: string, version = "HTTP/1.1"): string {
  return `GET http://a.test/ ${version}\r\n${HOST}${lines}\r\n`;
}

/** A POST with Host and these field lines. */
export function post(lines: string, body = "abc"): string {
  return `POST http://a.test/ HTTP/1.1\r\n${HOST}${lines}\r\n${body}`;
}

/** Makes one test of each row. */
export function testRefusals(rows: readonly RefusalRow[]): void {
  test.each([...rows])("$name", ({ input, status, details }) => {
    // The text must fit a log line and a quoted string in a header.
    expect(details).toMatch(/^Cannot [\x20\x21\x23-\x5b\x5d-\x7e]{1,150}$/);
    const fault = { fault: details, code: "http_request_error", status: status ?? 400 };
    for (const { cut, pieces } of everyCut(octets(input))) {
      // Nothing of a faulty head is told, and nothing is read behind the fault.
      expect({ cut, ...readRequests(pieces) }).toEqual({ cut, entries: [fault], takenBytes: undefined, state: "dead" });
    }
  });
}
