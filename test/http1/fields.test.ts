// Names by number, values as text, lists by element.
import { describe, expect, test } from "bun:test";
import { elementIs, FIELD, type FieldId, Fields, latin1 } from "../../src/http1/fields.ts";
import { HeadReader } from "../../src/http1/head_reader.ts";
import { MAX_HEAD_BYTES } from "../../src/limits.ts";
import { octets, text } from "./message_log.ts";

function sectionOf(lines: readonly string[], fields = new Fields()): Fields {
  const reader = new HeadReader("client", fields, undefined, MAX_HEAD_BYTES, "section");
  reader.read(octets([...lines, "", ""].join("\r\n")), 0);
  return fields;
}

const KNOWN = Object.entries(FIELD).filter(([key]) => key !== "OTHER").map(([key, id]) => ({
  name: key.toLowerCase().replaceAll("_", "-"),
  id,
}));

describe("Fields.id()", () => {
  test.each(KNOWN)("knows $name in any case", ({ name, id }) => {
    const odd = Array.from(name, (letter, index) => index % 2 === 0 ? letter.toUpperCase() : letter).join("");
    const fields = sectionOf([`${name}: 1`, `${name.toUpperCase()}: 2`, `${odd}: 3`]);
    expect([fields.id(0), fields.id(1), fields.id(2)]).toEqual([id, id, id]);
  });

  test.each(KNOWN)("knows no neighbour of $name", ({ name }) => {
    // Longer, shorter, and each octet replaced by one of its neighbours in the table, - by _ among them.
    const neighbours = [`${name}x`, `x${name}`, name.slice(1), name.slice(0, -1)];
    for (let at = 0; at < name.length; at++) {
      for (const other of ["_", "^", "~", "`", "|", "!", name[at] === "q" ? "z" : "q"]) {
        neighbours.push(name.slice(0, at) + other + name.slice(at + 1));
      }
    }
    const known = new Set(KNOWN.map((row) => row.name));
    for (const neighbour of neighbours) {
      if (known.has(neighbour) || neighbour === "") continue;
      expect([neighbour, sectionOf([`${neighbour}: 1`]).id(0)]).toEqual([neighbour, FIELD.OTHER]);
    }
  });
});

describe("Fields", () => {
  const fields = sectionOf(["Via: 1.1 a", "X: y", "via: 1.0 b", "Expect:"]);

  test("counts, names and gives values", () => {
    expect(fields.count).toBe(4);
    expect([fields.name(2), fields.value(2)]).toEqual(["via", "1.0 b"]);
    expect(fields.value(3)).toBe("");
  });

  test("finds the first of a name, and the next", () => {
    expect([fields.get(FIELD.VIA), fields.get(FIELD.EXPECT), fields.get(FIELD.HOST)]).toEqual(["1.1 a", "", undefined]);
    expect([fields.has(FIELD.VIA), fields.has(FIELD.EXPECT), fields.has(FIELD.HOST)]).toEqual([true, true, false]);
    expect([fields.indexOf(FIELD.VIA), fields.indexOf(FIELD.VIA, 1), fields.indexOf(FIELD.VIA, 3)]).toEqual([0, 2, -1]);
    expect(fields.indexOf(FIELD.HOST)).toBe(-1);
  });

  test.each([-1, 4, NaN])("refuses the index %p", (index) => {
    expect(() => fields.name(index)).toThrow(RangeError);
    expect(() => fields.value(index)).toThrow(RangeError);
    expect(() => fields.id(index)).toThrow(RangeError);
  });

  test("forgets the names of the section before", () => {
    const reused = sectionOf(["Host: a", "Via: b"]);
    reused.clear();
    expect([reused.count, reused.has(FIELD.HOST), reused.get(FIELD.VIA)]).toEqual([0, false, undefined]);
    sectionOf(["Expect: c"], reused);
    expect([reused.count, reused.has(FIELD.HOST), reused.get(FIELD.EXPECT)]).toEqual([1, false, "c"]);
  });

  test("drops what is marked, in order", () => {
    const dropped = sectionOf(["Host: a", "X: b", "Via: c", "Y: d"]);
    dropped.dropMarked(Uint8Array.of(1, 0, 1, 0));
    expect([dropped.count, dropped.name(0), dropped.value(1), dropped.has(FIELD.HOST)]).toEqual([2, "X", "d", false]);
  });
});

describe("Fields.listHas()", () => {
  const rows: { name: string; lines: string[]; id?: FieldId; token: string; expected: boolean }[] = [
    { name: "one element", lines: ["Connection: close"], token: "close", expected: true },
    { name: "case of the value", lines: ["Connection: CLOSE"], token: "close", expected: true },
    { name: "first", lines: ["Connection: close,x"], token: "close", expected: true },
    { name: "middle, with blanks and tabs", lines: ["Connection: x ,\t close \t, y"], token: "close", expected: true },
    { name: "last", lines: ["Connection: x,close"], token: "close", expected: true },
    { name: "on the second line", lines: ["Connection: x", "Connection: close"], token: "close", expected: true },
    { name: "part of an element", lines: ["Connection: closed, xclose, clo se"], token: "close", expected: false },
    { name: "with a parameter", lines: ["TE: trailers;q=1"], id: FIELD.TE, token: "trailers", expected: false },
    {
      name: "beside one with a parameter",
      lines: ["TE: gzip;q=1, trailers"],
      id: FIELD.TE,
      token: "trailers",
      expected: true,
    },
    { name: "of another field", lines: ["Via: close"], token: "close", expected: false },
    { name: "no field", lines: [], token: "close", expected: false },
    { name: "empty value", lines: ["Connection:"], token: "close", expected: false },
    { name: "no-break space is not white space", lines: ["Connection: \xa0close"], token: "close", expected: false },
    {
      name: "an octet that | 0x20 would make a letter",
      lines: ["Connection: \x43los\x45", "Connection: [lose"],
      token: "{lose",
      expected: false,
    },
  ];
  test.each(rows)("$name: $expected", ({ lines, id = FIELD.CONNECTION, token, expected }) => {
    expect(sectionOf(lines).listHas(id, token)).toBe(expected);
  });
});

describe("latin1()", () => {
  const every = Uint8Array.from({ length: 256 }, (_, octet) => octet);

  test("keeps every octet, 0x80 to 0x9f among them", () => {
    expect(latin1(every, 0, 256)).toBe(text(every));
    for (let octet = 0; octet < 256; octet++) expect(latin1(every, octet, octet + 1)).toBe(String.fromCharCode(octet));
  });

  test("of every length, ASCII and not", () => {
    for (const fill of [0x41, 0xe4]) {
      for (const length of [0, 1, 15, 16, 17, 4095, 4096, 4097, 60_000]) {
        const bytes = new Uint8Array(length + 2).fill(fill);
        expect(latin1(bytes, 1, length + 1)).toBe(String.fromCharCode(fill).repeat(length));
      }
    }
  });
});

describe("elementIs()", () => {
  test("takes SP and HTAB alone for white space", () => {
    for (let octet = 0; octet < 256; octet++) {
      const bytes = octets(`${String.fromCharCode(octet)}x${String.fromCharCode(octet)}`);
      expect([octet, elementIs(bytes, 0, 3, "x")]).toEqual([octet, octet === 0x20 || octet === 0x09]);
    }
  });
});
