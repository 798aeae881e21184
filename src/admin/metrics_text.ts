// Owns the exposition of the metrics: the library's formats, chosen by what the scraper accepts. Loaded with the library
// when it is first asked, since a start has no use for either.
import type { Metric, RegistryContentType } from "prom-client";
import { METRICS, type MetricValue, type Sources } from "./metrics.ts";

const OPEN_METRICS = "application/openmetrics-text";

/** Formats every metric as it stands now. */
export async function formatMetrics(
  sources: Sources,
  accept: string,
): Promise<{ readonly contentType: string; readonly body: string }> {
  const { Registry } = await import("prom-client");
  const isOpen = accepts(accept, OPEN_METRICS);
  const registry = new Registry<RegistryContentType>();
  registry.setContentType(isOpen ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE);
  for (const { name, type, help, sample } of METRICS) {
    // OpenMetrics names a counter without the suffix of its samples, which the library adds.
    const shown = isOpen && type === "counter" ? name.replace(/_total$/, "") : name;
    const values: readonly MetricValue[] = sample(sources);
    const metric = {
      name: shown,
      get: () =>
        Promise.resolve({
          name: shown,
          help,
          type,
          values: values.map(({ suffix, labels, value }) => ({
            value,
            labels: labels ?? {},
            metricName: suffix === undefined ? shown : `${shown}${suffix}`,
          })),
        }),
    };
    registry.registerMetric(metric as unknown as Metric);
  }
  return { contentType: registry.contentType, body: await registry.metrics() };
}

/** Whether a field Accept names a media type by itself, and not as one that is not wanted (RFC 9110 §12.4.2). */
function accepts(accept: string, mediaType: string): boolean {
  return accept.split(",").some((range) => {
    const [name = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    return name === mediaType && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}
