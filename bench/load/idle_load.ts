// Owns the holder of idle streams: opens as many as each step says, prints how many it holds, and waits for a line on stdin before the next step.
import { waitForStdin } from "./libc.ts";
import { openStream } from "./tunnel.ts";
import { type LoadOrder, readOrder } from "./window.ts";

const order = readOrder<LoadOrder & { readonly steps: readonly number[] }>();
let held = 0;
for (const step of order.steps) {
  let failure = "";
  try {
    for (; held < step; held++) openStream(order);
  } catch (error) {
    failure = String(error);
  }
  console.log(JSON.stringify({ held, failure }));
  waitForStdin();
}
