// Owns the queries that are delivered with the program: those of the alerts and those of the dashboard.
import { parse } from "yaml";

const DEPLOY = new URL("../../deploy/", import.meta.url);

/** One query and whose it is. */
export interface DeployedQuery {
  readonly owner: string;
  readonly expr: string;
}

/** The file with the alerts. */
export const ALERTS_PATH: string = new URL("prometheus-rules.yaml", DEPLOY).pathname;

/** An alert as the file has it. */
export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The alerts. */
export async function readAlerts(): Promise<Alert[]> {
  const { groups } = parse(await Bun.file(ALERTS_PATH).text()) as { groups: { rules: Alert[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

/** The alerts' queries. */
export async function readAlertQueries(): Promise<DeployedQuery[]> {
  return (await readAlerts()).map(({ alert, expr }) => ({ owner: alert, expr }));
}

/** The dashboard's queries, its variables filled in. */
export async function readDashboardQueries(): Promise<DeployedQuery[]> {
  const { panels } = await Bun.file(new URL("grafana-dashboard.json", DEPLOY)).json() as {
    panels: { title: string; targets?: { expr: string }[] }[];
  };
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      owner: title,
      expr: expr.replaceAll("$__rate_interval", "5m").replaceAll("$job", ".*").replaceAll("$instance", ".*"),
    }))
  );
}
