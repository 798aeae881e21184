// Owns the holder of idle streams: opens as many as each step says, and when told to, sees which of them still carry a byte.
// Prints one JSON line after each of the two, and waits for a line on stdin before it goes on.
import { FixedBuffer, receive, send, waitForStdin } from "./libc.ts";
import { openStream } from "./tunnel.ts";
import { type LoadOrder, readOrder } from "./window.ts";

/** A stream that answers nothing costs a time-out, so after so many of them the rest is taken for dead too. */
const MOST_SILENT = 3;

const order = readOrder<LoadOrder & { readonly steps: readonly number[] }>();
const streams: number[] = [];
const byte = FixedBuffer.ofText("x");
const answer = new FixedBuffer(16);

function countAnswers(): number {
  let [answers, silent] = [0, 0];
  for (const fd of streams) {
    if (silent >= MOST_SILENT) break;
    if (send(fd, byte) === 1 && receive(fd, answer) === 1) answers++;
    else silent++;
  }
  return answers;
}

for (const step of order.steps) {
  let failure = "";
  try {
    while (streams.length < step) streams.push(openStream(order));
  } catch (error) {
    failure = String(error);
  }
  console.log(JSON.stringify({ held: streams.length, failure }));
  waitForStdin();
  console.log(JSON.stringify({ held: countAnswers() }));
  waitForStdin();
}
