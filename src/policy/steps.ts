// Owns work that is cut into steps, so that a thread can serve between them. Knows neither the work nor a clock.

/** Does all the steps at once. */
export function finishSteps<Result>(steps: Generator<void, Result>): Result {
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
}
