import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { uuidLowerBound, uuidv7 } from '@millrace/core'
import type { Database, Queryable, QueryResult, Statement } from '@millrace/postgres'
import { openFixture, type Fixture } from '../test/fixture.ts'
import { checkFilter, rangeOf } from './log-filter.ts'
import type { ConsumptionFilter } from './log-types.ts'
import { candidatesOf } from './operations/sql/candidates.ts'
import { look } from './operations/sql/look.ts'
import { LogPartitions } from './partitions.ts'
import { countStatuses } from './sql/count-statuses.ts'
import { groupFailures } from './sql/group-failures.ts'
import { readBacklog } from './sql/read-backlog.ts'
import { payloadScanRowLimit, readEvents, scanLog, scanRowLimit } from './sql/scan-log.ts'

// Plans of the log's reader and of the operations' plans. In an empty table that was never analyzed, in one with 1,000 rows, before and
// after ANALYZE; and in one with 1,000,000 rows with MILLRACE_TEST_LONG, whose plans are kept in plans/ (written anew with UPDATE_PLANS).

const dayMs = 86_400_000
const days = 10
const todayMs = Math.floor(Date.now() / dayMs) * dayMs
const isLong = process.env['MILLRACE_TEST_LONG'] !== undefined

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly PlanNode[]
}

/** Runs what is asked for, and keeps its plan. */
class Explainer implements Queryable {
  readonly plans: PlanNode[] = []
  readonly texts: string[] = []
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async query<Row extends object>(
    statement: Statement,
    values: readonly unknown[] = [],
  ): Promise<QueryResult<Row>> {
    const text = typeof statement === 'string' ? statement : statement.text
    const json = await this.#database.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      `explain (analyze, format json) ${text}`,
      values,
    )
    for (const row of json.rows) this.plans.push(row['QUERY PLAN'][0].Plan)
    if (isLong) {
      const plain = await this.#database.query<{ 'QUERY PLAN': string }>(
        `explain (analyze, costs off, timing off, summary off, buffers off) ${text}`,
        values,
      )
      this.texts.push(plain.rows.map((row) => row['QUERY PLAN']).join('\n'))
    }
    return this.#database.query<Row>(statement, values)
  }

  /** Scans of the log that were run: node, index, and rows looked at. */
  get scans(): readonly { readonly node: string; readonly on: string; readonly rows: number }[] {
    const scans: { node: string; on: string; rows: number }[] = []
    const walk = (node: PlanNode): void => {
      const { 'Relation Name': table, 'Actual Loops': loops } = node
      if (table?.startsWith('event_consumption_data') && loops > 0) {
        const rows = loops * (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0))
        scans.push({ node: node['Node Type'], on: node['Index Name'] ?? table, rows })
      }
      for (const child of node.Plans ?? []) walk(child)
    }
    for (const plan of this.plans) walk(plan)
    return scans
  }
}

async function fill(database: Database, rowCount: number): Promise<void> {
  const ids = Array.from({ length: days }, (_, index) =>
    uuidLowerBound(todayMs - index * dayMs + 5),
  )
  await new LogPartitions(database, 'public').ensure(ids.map((logId) => ({ logId })))
  // 0.2 % failed, and as many parked behind them. In parts, or the statement's time would be over on a busy machine.
  for (let first = 1; first <= rowCount; first += 50_000)
    await database.query(
      `insert into event_consumption_data (event_id, consumer_group, service_name, topic, partition_number, "offset",
       event_type, event_key, correlation_id, status, attempts, max_retries, received_at, updated_at, payload,
       error_class, error_fingerprint, error_message)
     select
       (lpad(to_hex($1::bigint - (i % ${days}) * ${dayMs} + i), 12, '0') || '7abc8abc0123456789ab')::uuid,
       'ledger', 'bank', 'accounts', (i % 6)::integer, i, 'deposit_made', 'k' || i % 10000, gen_random_uuid(),
       case i % 500 when 7 then 'FAILED' when 8 then 'PARKED' else 'PROCESSED' end, 1, 2,
       to_timestamp(($1::bigint - (i % ${days}) * ${dayMs} + i) / 1000.0),
       case i % 500 when 7 then now() end,
       repeat('x', 300),
       case i % 500 when 7 then 'RangeError' end, case i % 500 when 7 then 'f' || i % 20 end,
       case i % 500 when 7 then 'away' end
     from generate_series($2::bigint, $3::bigint) as i`,
      [todayMs, first, Math.min(rowCount, first + 49_999)],
    )
}

const at = new Date(todayMs - 2 * dayMs)
const filters: readonly {
  readonly name: string
  readonly filter: Omit<ConsumptionFilter, 'limit'>
  /** The index that must serve it where there are rows enough to choose. */
  readonly index: RegExp
  /** Rows looked at in all at 10^6, at most. */
  readonly most: number
}[] = [
  { name: 'newest', filter: {}, index: /pkey/, most: 200 },
  { name: 'an event', filter: { eventId: uuidv7() }, index: /pkey/, most: 10 },
  { name: 'a correlation', filter: { correlationId: uuidv7() }, index: /correlation/, most: 10 },
  {
    name: 'a record',
    filter: { topic: 'accounts', partition: 3, offset: '999' },
    index: /offset/,
    most: 10,
  },
  { name: 'failed, newest', filter: { status: ['FAILED'] }, index: /status/, most: 500 },
  {
    name: 'failed of a group',
    filter: { status: ['FAILED', 'PARKED'], group: 'ledger' },
    index: /status|hashtex/,
    most: 9_000,
  },
  {
    name: 'failed of a service',
    filter: { status: ['FAILED'], service: 'bank' },
    index: /status/,
    most: 4_500,
  },
  { name: 'failed since', filter: { status: ['FAILED'], from: at }, index: /status/, most: 500 },
  { name: 'a fingerprint', filter: { fingerprint: 'f7' }, index: /fingerprint/, most: 500 },
  {
    name: 'a time',
    filter: { from: at, to: new Date(at.getTime() + 3_600_000) },
    index: /pkey/,
    most: 500,
  },
  {
    name: 'a topic in a time',
    filter: { topic: 'accounts', from: at },
    index: /pkey/,
    most: 2 * scanRowLimit + 200,
  },
  {
    name: 'a topic nobody has',
    filter: { topic: 'none' },
    index: /pkey/,
    most: 2 * scanRowLimit + 200,
  },
  { name: 'a key', filter: { key: 'k77' }, index: /pkey/, most: 2 * scanRowLimit + 200 },
  {
    name: 'a text',
    filter: { text: 'nowhere' },
    index: /pkey/,
    most: 2 * payloadScanRowLimit + 200,
  },
  {
    name: 'an aggregate',
    filter: { aggregateId: 'a1' },
    index: /pkey/,
    most: 2 * payloadScanRowLimit + 200,
  },
]

const range = rangeOf(at, new Date(todayMs + dayMs))
const others: readonly {
  readonly name: string
  readonly ask: (on: Queryable) => Promise<unknown>
  readonly index: RegExp
  readonly most: number
}[] = [
  {
    name: 'rows of an event',
    ask: (on) => readEvents(on, 'public', [uuidv7()]),
    index: /pkey/,
    most: 10,
  },
  { name: 'backlog', ask: (on) => readBacklog(on, 'public'), index: /status|hashtex/, most: 5_000 },
  {
    name: 'groups of failures',
    ask: (on) => groupFailures(on, 'public', { from: at, to: new Date(todayMs + dayMs) }),
    index: /./,
    most: 5_000,
  },
  {
    name: 'counts of three days',
    ask: (on) => countStatuses(on, 'public', range),
    index: /./,
    most: 1_000_000,
  },
  {
    name: 'plan of a re-drive',
    ask: (on) =>
      look(
        on,
        candidatesOf(
          'public',
          { kind: 'redrive', group: 'ledger', filter: { fingerprint: 'f7' } },
          new Date(),
        ),
        false,
      ),
    index: /./,
    most: 10_000,
  },
]

for (const state of ['empty', '1,000 rows', '1,000 rows, analyzed', '1,000,000 rows'] as const)
  describe(
    `plans of the log with ${state}`,
    { skip: state === '1,000,000 rows' && !isLong },
    () => {
      let fixture: Fixture
      const kept: string[] = []
      before(async () => {
        fixture = await openFixture()
        if (state === 'empty') return fill(fixture.database, 0)
        await fill(fixture.database, state === '1,000,000 rows' ? 1_000_000 : 1_000)
        if (state !== '1,000 rows')
          await fixture.database.query('vacuum analyze event_consumption_data')
      })
      after(() => fixture[Symbol.asyncDispose]())
      for (const each of [...filters.map(asRead), ...others])
        test(each.name, async () => {
          const explainer = new Explainer(fixture.database)
          await each.ask(explainer)
          const { scans } = explainer
          const text = JSON.stringify(scans)
          const looked = scans.reduce((total, scan) => total + scan.rows, 0)
          kept.push(`## ${each.name}\n${explainer.texts.join('\n\n')}\n`)
          if (state !== '1,000,000 rows') {
            // So small that a whole day is as good as its index; but never more than the table once per statement.
            assert.ok(looked <= explainer.plans.length * 1_000, text)
            return
          }
          assert.ok(looked <= each.most, `${looked} rows were looked at\n${text}`)
          for (const scan of scans) {
            assert.ok(
              scan.node !== 'Seq Scan' || scan.rows === 0 || each.name.startsWith('counts'),
              text,
            )
            if (scan.rows > 0 && scan.node.includes('Index')) assert.match(scan.on, each.index)
          }
        })
      test('the plans are kept', { skip: state !== '1,000,000 rows' }, async () => {
        const file = new URL('../plans/log.txt', import.meta.url)
        if (process.env['UPDATE_PLANS'] !== undefined) await writeFile(file, shapeOf(kept))
        const text = await readFile(file, 'utf8')
        const names = [...filters, ...others].map((each) => `## ${each.name}`)
        assert.deepEqual(text.match(/^## .*$/gm), names)
      })
    },
  )

/** Without what differs from run to run. */
function shapeOf(plans: readonly string[]): string {
  const measured =
    /^.*(Removed|Heap|Memory|Batches|Workers|Worker \d|Searches|Buffers|Storage).*\n/gm
  return plans
    .join('\n')
    .replaceAll(/ \(actual [^)]*\)/g, '')
    .replaceAll(/\d{8}/g, 'DAY')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')
    .replaceAll(/'\d{4}-[^']*'/g, "'TIME'")
    .replaceAll(measured, '')
}

function asRead({ name, filter, index, most }: (typeof filters)[number]): (typeof others)[number] {
  const checked = checkFilter({ ...filter, limit: 50 })
  const { statuses, range } = checked
  const ask = async (on: Queryable): Promise<void> => {
    const isWalked = statuses !== null && !statuses.includes('PROCESSED')
    const part = range.from || range.to ? 'dated' : 'all'
    for (const status of isWalked ? statuses : [null])
      await scanLog(on, 'public', { filter: checked, part, status })
  }
  return { name, ask, index, most }
}
