// Owns what the self-test needs of the machine: this program once more, a socket that answers, one try of splice(2).
import type { AddressInfo } from "node:net";
import type { Ffi } from "../ffi.ts";
import { openLibc } from "../posix/libc.ts";
import { errnoName, Sockets } from "../posix/sockets.ts";
import type { TestBed } from "../runtime.ts";
import { builtin } from "./builtin.ts";

const SPLICED_BYTES = 1000;

/** Makes the test bed; `command` starts this program, arguments are added to it. */
export function createTestBed([file = "", ...leading]: readonly string[], ffi: Ffi | undefined): TestBed {
  return {
    startSelf(args, onLine) {
      // Pipes all three: an ignored one would need /dev/null.
      const child = builtin("node:child_process").spawn(file, [...leading, ...args], { env: {}, stdio: "pipe" });
      child.stdin.end();
      for (const stream of [child.stdout, child.stderr]) {
        let rest = "";
        stream.setEncoding("utf8").on("data", (text: string) => {
          const lines = (rest + text).split("\n");
          rest = lines.pop() ?? "";
          for (const line of lines) onLine(line);
        });
      }
      return {
        signal: (name) => void child.kill(name),
        exited: new Promise((resolve, reject) => {
          child.on("error", reject).on("close", (code) => resolve(code ?? -1));
        }),
      };
    },
    async answerUdp(answer) {
      const socket = builtin("node:dgram").createSocket("udp4");
      socket.on("message", (query, { address, port }) => {
        const reply = answer(query);
        if (reply !== undefined) socket.send(reply, port, address);
      });
      await new Promise<void>((resolve, reject) => socket.once("error", reject).bind(0, "127.0.0.1", resolve));
      return { port: (socket.address() as AddressInfo).port, close: () => void socket.close() };
    },
    trySplice: () => ffi === undefined ? "C functions can't be called here" : trySplice(ffi),
  };
}

function trySplice(ffi: Ffi): string | undefined {
  const libc = openLibc(ffi);
  if (libc === undefined) return "libc cannot be called from here";
  const sockets = new Sockets(ffi, libc);
  const memory = ffi.allocate(SPLICED_BYTES * 2);
  for (let index = 0; index < SPLICED_BYTES; index++) memory.bytes[index] = index * 7;
  const open: number[] = [];
  const check = (what: string, result: number): number => {
    if (result < 0) throw new Error(`${what} fails: ${errnoName(-result)}`);
    return result;
  };
  try {
    const pipes = [0, 1].map(() => {
      check("pipe2", sockets.pipe());
      open.push(...sockets.pipeEnds);
      return sockets.pipeEnds;
    });
    const [[fromSource = -1, toSource = -1] = [], [fromSink = -1, toSink = -1] = []] = pipes;
    check("write", sockets.check(libc.write(toSource, memory.address, SPLICED_BYTES)));
    const moved = check("splice", sockets.check(libc.splice(fromSource, 0, toSink, 0, SPLICED_BYTES, 0)));
    const count = check("read", sockets.check(libc.read(fromSink, memory.address + SPLICED_BYTES, SPLICED_BYTES)));
    const sent = memory.bytes.subarray(0, SPLICED_BYTES);
    const isSame = moved === SPLICED_BYTES && count === SPLICED_BYTES &&
      sent.every((octet, index) => octet === memory.bytes[SPLICED_BYTES + index]);
    return isSame ? undefined : `splice moved ${moved} octets of ${SPLICED_BYTES}, or others than those given`;
  } catch (error) {
    return (error as Error).message;
  } finally {
    for (const fd of open) libc.close(fd);
  }
}
