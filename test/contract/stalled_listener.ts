// A listener that accepts nobody: it stops itself, so that the kernel alone answers, until its queue is full.
import { createServer } from "node:net";
import process from "node:process";

const server = createServer();
server.listen({ host: "127.0.0.1", port: 0, backlog: 1 }, () => {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Not listening");
  process.stdout.write(`port ${address.port}\n`, () => process.kill(process.pid, "SIGSTOP"));
});
