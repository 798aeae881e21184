// Owns how objects become YAML that every parser reads alike, Kubernetes' own above all. Knows nothing of their fields.
import { Document, isNode, Scalar, visit } from "yaml";
import type { ManifestObject } from "./kubernetes_object.ts";

/** Formats objects as one stream of YAML documents, each with its comment between the marker and the object. */
export function formatYaml(objects: readonly ManifestObject[]): string {
  return objects.map(formatObject).join("");
}

function formatObject({ comment, object }: ManifestObject): string {
  // Kubernetes reads YAML 1.1, where `no`, `on` or `1_0` are no strings: `compat` quotes what either version would take
  // for something else. Anchors, which the library makes of a value that stands twice, would be noise.
  const document = new Document(object, { compat: "yaml-1.1", aliasDuplicateObjects: false, keepUndefined: false });
  visit(document, {
    Scalar(_, node) {
      // The library's (2.9) block literal of nothing but white space loses the blanks.
      if (typeof node.value === "string" && /^\s+$/.test(node.value)) node.type = Scalar.QUOTE_DOUBLE;
    },
  });
  if (isNode(document.contents)) {
    document.contents.commentBefore = comment.map((line) => line === "" ? "" : ` ${line}`).join("\n");
  }
  // No folding: a long string in several lines is another string to a reader who greps for it.
  return `---\n${document.toString({ lineWidth: 0, blockQuote: "literal" })}`;
}
