/** `bandwidth` is throughput in bytes; `steady` is it from the first commit on, and `cpu steady` what that costs; `aborted`, `damaged` and `missing` count records that a consumer wrongly delivered or left out; `wal` is what Postgres logs. */
export type Metric =
  | 'throughput'
  | 'steady'
  | 'restore'
  | 'bandwidth'
  | 'p50'
  | 'p99'
  | 'p99.9'
  | 'max'
  | 'wal'
  | 'wal marking'
  | 'cpu'
  | 'cpu steady'
  | 'rss'
  | 'rss anonymous'
  | 'disk'
  | 'start'
  | 'start again'
  | 'start without state'
  | 'recovery'
  | 'aborted'
  | 'damaged'
  | 'missing'

const higherIsBetter: readonly Metric[] = ['throughput', 'steady', 'restore', 'bandwidth']

/** One figure of one system, as written to JSON. The format is fixed in the design so that suites can be compared over time. */
export interface ResultRow {
  readonly suite: string
  /** Begins with the suite's word for the work: `create`, `relay`, `aggregate`, … */
  readonly case: string
  readonly system: string
  readonly metric: Metric
  readonly unit: string
  /** Median of `runs`. */
  readonly value: number
  readonly runs: readonly number[]
}

/** What the command line asks of a suite. */
export interface SuiteRun {
  /** Few and short runs. */
  readonly isQuick: boolean
  /** Only the cases whose name contains it; '' for all. */
  readonly caseWord: string
  /** Only the systems whose name contains it, where a suite can leave some out; '' for all. */
  readonly systemWord: string
  /** In place of the suite's own number of rounds. */
  readonly rounds?: number
  /** Tells people how far it is. */
  readonly say: (text: string) => void
  /** Says it now and again beneath the table: a peer that is absent, a run that failed. */
  readonly note: (text: string) => void
}

/** Collects the figures of interleaved runs. */
export class Results {
  readonly #suite: string
  readonly #runs = new Map<
    string,
    { readonly row: Omit<ResultRow, 'value' | 'runs'>; readonly runs: number[] }
  >()

  constructor(suite: string) {
    this.#suite = suite
  }

  add(
    caseName: string,
    system: string,
    metric: ResultRow['metric'],
    unit: string,
    value: number,
  ): void {
    const key = `${caseName} ${system} ${metric}`
    const known = this.#runs.get(key) ?? {
      row: { suite: this.#suite, case: caseName, system, metric, unit },
      runs: [],
    }
    known.runs.push(value)
    this.#runs.set(key, known)
  }

  rows(): readonly ResultRow[] {
    return [...this.#runs.values()].map(({ row, runs }) => ({ ...row, value: median(runs), runs }))
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
}

/** The value below which the share `p` (0 to 1) of the values lies. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN
}

function ratio(row: ResultRow, ours: ResultRow | undefined): string {
  if (ours === undefined || ours === row) return ''
  const isHigher = higherIsBetter.includes(row.metric)
  const factor = isHigher ? ours.value / row.value : row.value / ours.value
  if (!Number.isFinite(factor)) return ''
  return `${factor >= 10 ? factor.toFixed(0) : factor.toFixed(1)} ×`
}

/** A table for people: each peer's row says how many times better ours is. */
export function formatTable(rows: readonly ResultRow[]): string {
  const lines = [['case', 'metric', 'system', 'median', 'unit', 'min', 'max', 'ours is better by']]
  for (const row of rows) {
    const ours = rows.find(
      (other) =>
        other.case === row.case && other.metric === row.metric && other.system === 'millrace',
    )
    lines.push([
      row.case,
      row.metric,
      row.system,
      number(row.value),
      row.unit,
      number(Math.min(...row.runs)),
      number(Math.max(...row.runs)),
      ratio(row, ours),
    ])
  }
  const widths =
    lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? []
  const format = (line: readonly string[]): string =>
    `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  return [format(lines[0] ?? []), rule, ...lines.slice(1).map(format)].join('\n')
}

function number(value: number): string {
  if (!Number.isFinite(value)) return '–'
  return value >= 100
    ? Math.round(value).toLocaleString('en-US')
    : value.toFixed(value >= 10 ? 1 : 2)
}
