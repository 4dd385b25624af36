/** What `deploy/` asks of the saga's series. */
import { readFile } from 'node:fs/promises'

export interface DeployedQuery {
  readonly title: string
  readonly expr: string
  /** Empty for alerts. */
  readonly legend: string
}

interface Dashboard {
  readonly panels: readonly {
    readonly title: string
    readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[]
  }[]
}

/** Queries of the dashboard, and of the alerts. */
export async function deployed(): Promise<readonly DeployedQuery[]> {
  const { panels } = JSON.parse(await textOf('grafana/order-saga.json')) as Dashboard
  const alerts = await textOf('prometheus/alerts.yml')
  return [
    ...panels.flatMap(({ title, targets }) =>
      targets.map(({ expr, legendFormat }) => ({ title, expr, legend: legendFormat })),
    ),
    ...[...alerts.matchAll(/- alert: (\w+)\n +expr: (.+)\n/g)].map(([, title = '', expr = '']) => ({
      title,
      expr,
      legend: '',
    })),
  ]
}

/** Names of our series in an expression. */
export function namesIn(expr: string): readonly string[] {
  return expr.match(/\bmr_\w+/g) ?? []
}

function textOf(path: string): Promise<string> {
  return readFile(new URL(`../../../deploy/${path}`, import.meta.url), 'utf8')
}
