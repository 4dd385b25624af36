import type { Database, QueryResult, Statement } from '@millrace/postgres'

export interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  /** 0 where pruning at run time left it out. */
  readonly 'Actual Loops': number
  /** Per loop, as those removed. */
  readonly 'Actual Rows': number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly PlanNode[]
}

export interface Scan {
  readonly node: string
  readonly table: string
  /** Rows that were read for it, whether they passed its filter or not. */
  readonly rows: number
}

/** Runs EXPLAIN on whatever is asked for, in the session's settings, and keeps the plans. */
export class Explainer {
  readonly plans: PlanNode[] = []
  readonly texts: string[] = []
  readonly #database: Database
  readonly #settings: string

  constructor(database: Database, settings = '') {
    this.#database = database
    this.#settings = settings
  }

  async query<Row extends object>(
    statement: Statement,
    values: readonly unknown[] = [],
  ): Promise<QueryResult<Row>> {
    const text = typeof statement === 'string' ? statement : statement.text
    return this.#database.transaction(async (tx) => {
      if (this.#settings) await tx.query(this.#settings)
      const found = await tx.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
        `explain (analyze, format json) ${text}`,
        values,
      )
      for (const row of found.rows) this.plans.push(row['QUERY PLAN'][0].Plan)
      const lines = await tx.query<{ 'QUERY PLAN': string }>(
        `explain (analyze, costs off, timing off, summary off, buffers off) ${text}`,
        values,
      )
      this.texts.push(lines.rows.map((row) => row['QUERY PLAN']).join('\n'))
      return { rows: [], rowCount: 0 }
    })
  }

  /** The scans that were run. */
  get scans(): readonly Scan[] {
    const scans: Scan[] = []
    const walk = (node: PlanNode): void => {
      const table = node['Relation Name']
      const loops = node['Actual Loops']
      if (table && loops > 0) {
        const rows = (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * loops
        scans.push({ node: node['Node Type'], table, rows })
      }
      for (const child of node.Plans ?? []) walk(child)
    }
    for (const plan of this.plans) walk(plan)
    return scans
  }
}

/** Of the two large tables. */
export const isDataPartition = (table: string): boolean =>
  table.startsWith('event_production_data') || table.startsWith('event_delivery')

interface PlanLine {
  readonly text: string
  readonly children: PlanLine[]
}

/** A plan's text with what is the same for many days written once, and without what never ran. */
export function briefPlan(text: string): string {
  const root: PlanLine = { text: '', children: [] }
  const path: { readonly indent: number; readonly line: PlanLine }[] = [{ indent: -1, line: root }]
  for (const each of text.split('\n')) {
    if (/^\s*(Heap Fetches|Index Searches|Sort Method|Storage|Batches|Buckets):/.test(each))
      continue
    const indent = each.search(/\S/)
    const line: PlanLine = { text: each.trim(), children: [] }
    while ((path.at(-1)?.indent ?? -1) >= indent) path.pop()
    path.at(-1)?.line.children.push(line)
    path.push({ indent, line })
  }
  return linesOf(root, 0).join('\n')
}

function linesOf(line: PlanLine, depth: number): readonly string[] {
  const blocks = new Map<string, { readonly lines: readonly string[]; count: number }>()
  for (const child of line.children) {
    if (child.text.includes('(never executed)')) continue
    const lines = [`${'  '.repeat(depth)}${child.text}`, ...linesOf(child, depth + 1)]
    // Days, the aliases that stand for them, and how many rows each had.
    const kind = lines
      .join('\n')
      .replaceAll(/_\d{8}/g, '_<day>')
      .replaceAll(/\b([a-z]+)_\d+\b/g, '$1')
      .replaceAll(/\(actual rows=[^)]*\)|Rows Removed by Filter: \d+/g, '')
    const block = blocks.get(kind)
    if (block) block.count++
    else blocks.set(kind, { lines, count: 1 })
  }
  return [...blocks.values()].flatMap(({ lines, count }) =>
    count === 1 ? lines : [`${lines[0]}   [so ${count} times]`, ...lines.slice(1)],
  )
}
