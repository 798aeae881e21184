// Owns work in steps on the control plane's thread: a few milliseconds at a time, so that names are resolved meanwhile.

const SLICE_MS = 4;

/** Does all the steps, and lets everything else go on in between. */
export async function finishInSlices<Result>(steps: Generator<void, Result>): Promise<Result> {
  let untilMs = performance.now() + SLICE_MS;
  for (let step = steps.next();; step = steps.next()) {
    if (step.done) return step.value;
    if (performance.now() < untilMs) continue;
    await new Promise((resolve) => setTimeout(resolve));
    untilMs = performance.now() + SLICE_MS;
  }
}
