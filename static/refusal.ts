// Owns the one error of the static link: an input that is not what this step was made for.

/** Something about the input differs from what was tried. Its message is one line that names what, and what to do. */
export class LinkRefusal extends Error {
  override readonly name = "LinkRefusal";
}
