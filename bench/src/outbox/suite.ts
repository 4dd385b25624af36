import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@millrace/core'
import { startPostgres } from '@millrace/embedded'
import { createAdmin, type ClusterAdmin } from '@millrace/kafka'
import { ensureDatabase, openDatabase, withDatabaseName, type Database } from '@millrace/postgres'
import { startChild, type BenchChild, type Usage } from '../child.ts'
import { startApache, startOurs, type BenchBroker } from '../kafka/brokers.ts'
import type { ProcessUsage } from '../kafka/measured-process.ts'
import { warmUp } from '../kafka/warm-up.ts'
import { cpuOfTree } from '../orders/service-process.ts'
import { percentile, Results, type ResultRow, type SuiteRun } from '../result.ts'
import { findDebezium } from './debezium-jars.ts'
import { partitions, topic, type CommitTimes, type Pace } from './workload.ts'

/** A relay with the table it reads; writer and relay are processes of their own. */
interface System {
  readonly name: string
  readonly program: URL
  /** Given to `install` and `startRelay`: which of its ways the program takes. */
  readonly way?: string
  readonly env?: Readonly<Record<string, string>>
  /** Part of the backlog that a system of another class is given, so that no run takes many minutes. */
  readonly backlogShare: number
  /** The highest steady load that it is asked for; what it cannot carry it is not given. */
  readonly steady: boolean
}

interface Sizes {
  readonly rounds: number
  /** Of the broker, in each of two ways. */
  readonly warmUpSeconds: number
  readonly backlog: number
  readonly latencySeconds: number
  readonly steadySeconds: number
  readonly openTransactionSeconds: number
  readonly transactions: number
  /** Events published before. */
  readonly history: number
}

const full: Sizes = {
  rounds: 3,
  warmUpSeconds: 15,
  backlog: 100_000,
  latencySeconds: 20,
  steadySeconds: 10,
  openTransactionSeconds: 60,
  transactions: 20_000,
  history: 10_000_000,
}
const quick: Sizes = {
  rounds: 1,
  warmUpSeconds: 1,
  backlog: 5_000,
  latencySeconds: 3,
  steadySeconds: 2,
  openTransactionSeconds: 3,
  transactions: 1_000,
  history: 200_000,
}

const program = (file: string): URL => new URL(`./${file}.ts`, import.meta.url)
const steadyPerSecond = 20_000
const steadyPerTransaction = 50
const latencyPerSecond = 200
const warmUpSeconds = 5
const drainTimeoutMs = 180_000
const endLookMs = 10
/** A topic that holds enough offsets and has not grown for so long is counted. */
const endStillMs = 1_000
const writers = 8

/**
 * Outbox relays side by side: one Postgres (fsync on; full_page_writes off, so that WAL can be compared), one Apache Kafka where Java is
 * present, the systems in turn within each round, each with a database and a topic of its own. The topic is looked at from outside, the
 * same way for all: in a drain at its end, which costs next to nothing, and its records are counted when it is over; else by a reader.
 */
export async function runOutboxSuite(asked: SuiteRun): Promise<readonly ResultRow[]> {
  const sizes = asked.isQuick ? quick : full
  const rounds = asked.rounds ?? sizes.rounds
  const systems = (await findSystems(asked)).filter(({ name }) => name.includes(asked.systemWord))
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const results = new Results('outbox')
  await using postgres = await startPostgres({
    dir: join(folder, 'postgres'),
    settings: { wal_level: 'logical', full_page_writes: 'off', max_replication_slots: '50' },
  })
  await using broker = await startBroker(asked, folder)
  try {
    await warmUp(broker.address, sizes.warmUpSeconds)
    for (let round = 1; round <= rounds; round++) {
      const first = round % systems.length
      for (const system of [...systems.slice(first), ...systems.slice(0, first)]) {
        asked.say(`round ${round} of ${rounds}: ${system.name}`)
        const name = `${system.name}_${round}`.replaceAll('-', '_')
        const run = new OutboxRun(system, sizes, results, {
          postgresUrl: postgres.url,
          postgresPid: postgres.pid,
          broker,
          name,
        })
        try {
          await run.measure(asked.caseWord)
        } catch (error) {
          if (system.name.startsWith('millrace')) throw error
          asked.note(`failed: ${system.name}: ${String(error).slice(0, 400)}`)
        }
      }
    }
  } finally {
    await postgres.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  return results
    .rows()
    .toSorted((a, b) => `${a.case} ${a.metric}`.localeCompare(`${b.case} ${b.metric}`))
}

async function findSystems(asked: SuiteRun): Promise<readonly System[]> {
  const ours = program('millrace')
  const log = program('production-log')
  const outbox = program('pg-transactional-outbox')
  const systems: System[] = [
    { name: 'millrace', program: ours, way: 'exactly-once', backlogShare: 1, steady: true },
    {
      name: 'millrace-at-least-once',
      program: ours,
      way: 'at-least-once',
      backlogShare: 1,
      steady: true,
    },
    { name: 'update-status', program: log, way: 'batch', backlogShare: 1, steady: true },
    { name: 'naive-tight-loop', program: log, way: 'loop', backlogShare: 0.05, steady: false },
    { name: 'naive-poll-5s', program: log, way: 'poll', backlogShare: 0.005, steady: false },
    {
      name: 'pg-transactional-outbox-polling',
      program: outbox,
      way: 'polling',
      backlogShare: 0.02,
      steady: false,
    },
    {
      name: 'pg-transactional-outbox-replication',
      program: outbox,
      way: 'replication',
      backlogShare: 0.05,
      steady: false,
    },
  ]
  const debezium = await findDebezium()
  if ('absent' in debezium) asked.note(`absent: debezium: ${debezium.absent}`)
  else
    systems.push({
      name: 'debezium',
      program: program('debezium'),
      env: { DEBEZIUM_CLASS_PATH: debezium.is },
      backlogShare: 1,
      steady: true,
    })
  return systems
}

async function startBroker(asked: SuiteRun, folder: string): Promise<BenchBroker> {
  try {
    return await startApache()
  } catch (error) {
    asked.note(`Apache Kafka is absent (${String(error)}); the broker is ours`)
    return startOurs(folder)
  }
}

interface Place {
  readonly postgresUrl: string
  readonly postgresPid: number
  readonly broker: BenchBroker
  /** Of the databases. */
  readonly name: string
}

/** The processes around one database, and the topic made anew. */
interface Stage {
  readonly writer: BenchChild
  readonly relay: BenchChild
  readonly reader: BenchChild
  readonly database: Database
  readonly admin: ClusterAdmin
}

/** CPU of the servers that all systems use, s since they began; undefined where there is no /proc. */
interface ServerUsage {
  readonly postgres: number | undefined
  readonly broker: number | undefined
}

class OutboxRun {
  readonly #system: System
  readonly #sizes: Sizes
  readonly #results: Results
  readonly #place: Place

  constructor(system: System, sizes: Sizes, results: Results, place: Place) {
    this.#system = system
    this.#sizes = sizes
    this.#results = results
    this.#place = place
  }

  async measure(caseWord: string): Promise<void> {
    const { openTransactionSeconds, latencySeconds, steadySeconds } = this.#sizes
    const isOurs = this.#system.name === 'millrace'
    const { history } = this.#sizes
    /** To write ten million rows takes minutes. */
    const isHistoryAsked = caseWord.startsWith('history')
    const cases: readonly (readonly [string, boolean, (stage: Stage) => Promise<void>])[] = [
      ['drain', true, (stage) => this.#drain(stage)],
      [
        `latency ${latencyPerSecond}/s`,
        this.#system.backlogShare >= 0.02,
        (stage) => this.#pace(stage, `latency ${latencyPerSecond}/s`, single(latencySeconds)),
      ],
      [
        'steady 20000/s',
        this.#system.steady,
        (stage) =>
          this.#pace(stage, 'steady 20000/s', {
            eventsPerSecond: steadyPerSecond,
            eventsPerTransaction: steadyPerTransaction,
            seconds: steadySeconds,
          }),
      ],
      [
        'latency open transaction',
        this.#system.steady,
        (stage) => this.#openTransaction(stage, openTransactionSeconds),
      ],
      ['write', isOurs, (stage) => this.#write(stage)],
      ['history', isOurs && isHistoryAsked, (stage) => this.#afterHistory(stage, history)],
    ]
    for (const [name, isAsked, work] of cases)
      if (isAsked && name.includes(caseWord)) await this.#onStage(work, name)
  }

  async #onStage(work: (stage: Stage) => Promise<void>, caseName: string): Promise<void> {
    const { postgresUrl, broker, name } = this.#place
    const databaseName = `${name}_${caseName.replaceAll(/\W/g, '_')}`
    await ensureDatabase(postgresUrl, databaseName)
    const url = withDatabaseName(postgresUrl, databaseName)
    await using admin = await createAdmin({ brokers: [broker.address], clientId: 'bench' })
    await admin.ensureTopics([{ name: topic, partitions }])
    await using database = openDatabase({ url, applicationName: 'bench', maxConnections: 2 })
    const env = { DATABASE_URL: url, KAFKA_BROKERS: broker.address, ...this.#system.env }
    const stage: Stage = {
      writer: startChild(this.#system.program, env),
      relay: startChild(this.#system.program, env),
      reader: startChild(program('topic-reader'), env),
      database,
      admin,
    }
    try {
      await stage.writer.call('install', this.#system.way)
      await work(stage)
    } finally {
      for (const child of [stage.writer, stage.relay, stage.reader]) await child.stop()
      await admin.deleteTopics([topic])
      while ((await admin.listTopics()).includes(topic)) await systemClock.sleep(50)
    }
  }

  /** From the first pending row offered to a relay that is up to the last committed record on the topic. */
  async #drain(stage: Stage, caseName = 'drain'): Promise<void> {
    const count = Math.max(100, Math.round(this.#sizes.backlog * this.#system.backlogShare))
    const wal = await walBytes(stage.database)
    await stage.writer.call('backlog', count)
    this.#add(caseName, 'wal', 'B/event written', ((await walBytes(stage.database)) - wal) / count)
    const written = await walBytes(stage.database)
    const [before, servers] = [await this.#relayUsage(stage), this.#serverUsage()]
    await stage.relay.call('startRelay', this.#system.way)
    const startedAtMs = performance.now()
    const end = await this.#untilStill(stage, count)
    this.#add(caseName, 'throughput', 'events/s', count / ((end.reachedAtMs - startedAtMs) / 1_000))
    await this.#addUsage(caseName, stage, before, count)
    this.#addServerUsage(caseName, servers, count)
    await this.#countRecords(stage, count, end.offset)
    await stage.relay.call('stopRelay')
    this.#add(
      caseName,
      'wal marking',
      'B/event',
      ((await walBytes(stage.database)) - written) / count,
    )
  }

  /** @param already records that are on the topic and read */
  async #pace(stage: Stage, caseName: string, pace: Pace, already = 0): Promise<void> {
    if (already === 0) await stage.reader.call('start')
    await stage.relay.call('startRelay', this.#system.way)
    const warmUp = { ...pace, seconds: warmUpSeconds }
    await stage.writer.call('pace', warmUp)
    const warmUpCount = already + eventsOf(warmUp)
    await this.#until(stage, warmUpCount)
    await stage.reader.call('time', true)
    const before = await this.#relayUsage(stage)
    const startedAtMs = performance.now()
    const times = await stage.writer.call<CommitTimes>('pace', pace)
    const seconds = (performance.now() - startedAtMs) / 1_000
    // Below the pace: writers, relay and broker together are too slow for it here.
    this.#add(caseName, 'throughput', 'events/s', eventsOf(pace) / seconds)
    await this.#until(stage, warmUpCount + eventsOf(pace))
    await this.#addLatencies(stage, caseName, times)
    await this.#addUsage(caseName, stage, before, eventsOf(pace))
    await stage.relay.call('stopRelay')
  }

  /** Beside a log of that many events: the drain, and then the latency, whose memory is the drain's. */
  async #afterHistory(stage: Stage, events: number): Promise<void> {
    const { latencySeconds, backlog } = this.#sizes
    await stage.writer.call('history', events)
    await this.#drain(stage, 'history drain')
    await this.#pace(stage, 'history latency', single(latencySeconds), backlog)
  }

  /** A transaction that wrote stays open beside the load: nothing may stall behind it. */
  async #openTransaction(stage: Stage, seconds: number): Promise<void> {
    await stage.database.query('create table held (n int)')
    const { promise, resolve } = Promise.withResolvers<void>()
    const held = stage.database.transaction(async (tx) => {
      await tx.query('insert into held values (1)')
      await promise
    })
    await this.#pace(stage, 'latency open transaction', single(seconds))
    resolve()
    await held
  }

  /** What a business transaction pays for its event. */
  async #write(stage: Stage): Promise<void> {
    const { transactions } = this.#sizes
    const request = { transactions, writers }
    await stage.writer.call('transactions', { ...request, transactions: 500, isPublishing: true })
    for (const isPublishing of [false, true, true, false]) {
      const seconds = await stage.writer.call<number>('transactions', { ...request, isPublishing })
      const system = isPublishing ? 'millrace' : 'business-row-only'
      this.#results.add('write', system, 'throughput', 'tx/s', transactions / seconds)
    }
  }

  /** Looks at the end of the topic for readers of committed records, until it has `count` offsets and stays where it is. */
  async #untilStill(
    stage: Stage,
    count: number,
  ): Promise<{ readonly offset: number; readonly reachedAtMs: number }> {
    let offset = 0
    let reachedAtMs = performance.now()
    const deadlineMs = reachedAtMs + drainTimeoutMs
    for (;;) {
      const seen = await committedEnd(stage.admin)
      const nowMs = performance.now()
      if (seen > offset) [offset, reachedAtMs] = [seen, nowMs]
      else if (offset >= count && nowMs - reachedAtMs > endStillMs) return { offset, reachedAtMs }
      if (nowMs > deadlineMs)
        throw new Error(
          `${this.#system.name}: the topic's end is at ${seen}, ${count} were to come`,
        )
      await systemClock.sleep(endLookMs)
    }
  }

  /** Offsets are no records: a transaction's end has one as well. */
  async #countRecords(stage: Stage, count: number, end: number): Promise<void> {
    await stage.reader.call('start')
    await this.#until(stage, count)
    const now = await committedEnd(stage.admin)
    if (now !== end)
      throw new Error(`${this.#system.name}: the topic grew from ${end} to ${now} when it was over`)
  }

  /** Until the reader has seen `count` records. */
  async #until(stage: Stage, count: number): Promise<void> {
    const deadlineMs = performance.now() + drainTimeoutMs
    for (;;) {
      const seen = await stage.reader.call<{ readonly count: number }>('progress')
      if (seen.count >= count) return
      if (performance.now() > deadlineMs)
        throw new Error(`${this.#system.name}: ${seen.count} of ${count} records came`)
      await systemClock.sleep(10)
    }
  }

  async #addLatencies(stage: Stage, caseName: string, times: CommitTimes): Promise<void> {
    const ids = times.map(([id]) => id)
    const arrivals = await stage.reader.call<readonly (number | null)[]>('arrivals', ids)
    const latencies = times.map(([, committedAtMs], n) => {
      const arrivedAtMs = arrivals[n] ?? null
      if (arrivedAtMs === null) throw new Error(`${this.#system.name}: ${ids[n]} never came`)
      // The record may be there before the writer is told of its commit.
      return Math.max(0, arrivedAtMs - committedAtMs)
    })
    this.#add(caseName, 'p50', 'ms', percentile(latencies, 0.5))
    this.#add(caseName, 'p99', 'ms', percentile(latencies, 0.99))
    this.#add(caseName, 'max', 'ms', percentile(latencies, 1))
  }

  async #relayUsage(stage: Stage): Promise<Usage> {
    if (this.#system.name !== 'debezium') return stage.relay.usage()
    const usage = await stage.relay.call<ProcessUsage | undefined>('relayUsage')
    return usage ?? { cpuSeconds: 0, maxRssMb: 0 }
  }

  async #addUsage(caseName: string, stage: Stage, before: Usage, events: number): Promise<void> {
    const after = await this.#relayUsage(stage)
    this.#add(caseName, 'cpu', 'µs/event', ((after.cpuSeconds - before.cpuSeconds) / events) * 1e6)
    this.#add(caseName, 'rss', 'MB', after.maxRssMb)
  }

  #serverUsage(): ServerUsage {
    const { postgresPid, broker } = this.#place
    return { postgres: cpuOfTree(postgresPid), broker: broker.usage()?.cpuSeconds }
  }

  #addServerUsage(caseName: string, before: ServerUsage, events: number): void {
    const after = this.#serverUsage()
    for (const part of ['postgres', 'broker'] as const) {
      const [from, to] = [before[part], after[part]]
      if (from === undefined || to === undefined) continue
      this.#add(`${caseName}, ${part}`, 'cpu', 'µs/event', ((to - from) / events) * 1e6)
    }
  }

  #add(caseName: string, metric: ResultRow['metric'], unit: string, value: number): void {
    this.#results.add(caseName, this.#system.name, metric, unit, value)
  }
}

function single(seconds: number): Pace {
  return { eventsPerSecond: latencyPerSecond, eventsPerTransaction: 1, seconds }
}

function eventsOf(pace: Pace): number {
  const transactions = Math.round((pace.eventsPerSecond * pace.seconds) / pace.eventsPerTransaction)
  return transactions * pace.eventsPerTransaction
}

async function committedEnd(admin: ClusterAdmin): Promise<number> {
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
  const ends = await admin.listOffsets(all, 'latest', 'read_committed')
  return ends.reduce((sum, { offset }) => sum + Number(offset), 0)
}

async function walBytes(database: Database): Promise<number> {
  const { rows } = await database.query<{ readonly bytes: string }>(
    `select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::text as bytes`,
  )
  return Number(rows[0]?.bytes)
}
