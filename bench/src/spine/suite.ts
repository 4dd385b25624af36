import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@millrace/core'
import { discussionEventsTopic } from '@millrace/contracts'
import { startBrokerProcess, startPostgres } from '@millrace/embedded'
import { createAdmin } from '@millrace/kafka'
import { ensureDatabase, openDatabase, withDatabaseName, type Database } from '@millrace/postgres'
import { startChild, type BenchChild } from '../child.ts'
import { percentile, Results, type ResultRow, type SuiteRun } from '../result.ts'
import type { LatencySample } from './pace.ts'

/** What differs between ours and the peer: the two programs, and where their consumer notes what it has done. */
interface System {
  readonly name: string
  readonly producer: URL
  readonly consumer: URL
  /** Pause of the relay between two passes, ms; ours takes none. */
  readonly pauseMs: number
  readonly processedCount: string
}

const naive: Omit<System, 'name' | 'pauseMs'> = {
  producer: new URL('./naive-producer.ts', import.meta.url),
  consumer: new URL('./naive-consumer.ts', import.meta.url),
  processedCount: 'select count(*)::int as count from event_processed',
}
const millrace: System = {
  name: 'millrace',
  producer: new URL('./millrace-producer.ts', import.meta.url),
  consumer: new URL('./millrace-consumer.ts', import.meta.url),
  pauseMs: 0,
  processedCount: 'select count(*)::int as count from event_consumption_data',
}
const naiveLoop: System = { ...naive, name: 'naive-tight-loop', pauseMs: 0 }
const naivePoll: System = { ...naive, name: 'naive-poll-5s', pauseMs: 5_000 }

interface Sizes {
  readonly rounds: number
  readonly backlog: number
  readonly latencySeconds: number
  readonly pollSeconds: number
}

const writers = 8
const eventsPerSecond = 200
/** The polling peer sends 20 a second at most: at 200 a second it would fall behind for ever, so it is measured where it keeps up. */
const pollingEventsPerSecond = 10
const warmUpSeconds = 10
const visibleTimeoutMs = 60_000

/**
 * The spine end to end against the requirement's own design, on one Postgres (fsync on) and one embedded broker, the systems in turn within
 * each round. Every system runs in processes of its own; CPU and memory are the processes' own accounts.
 */
export async function runSpineSuite(asked: SuiteRun): Promise<readonly ResultRow[]> {
  const sizes: Sizes = asked.isQuick
    ? { rounds: 1, backlog: 3_000, latencySeconds: 3, pollSeconds: 6 }
    : { rounds: 3, backlog: 50_000, latencySeconds: 20, pollSeconds: 30 }
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const postgres = await startPostgres({ dir: join(folder, 'postgres'), port: 0 })
  const results = new Results('spine')
  try {
    for (let round = 1; round <= sizes.rounds; round++) {
      for (const system of [millrace, naiveLoop, naivePoll]) {
        asked.say(`round ${round} of ${sizes.rounds}: ${system.name}`)
        const run = new SpineRun(system, sizes, results, {
          postgresUrl: postgres.url,
          folder: join(folder, `${system.name}-${round}`),
        })
        await run.measure(`${system.name.replaceAll('-', '_')}_${round}`, asked.caseWord)
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

class SpineRun {
  readonly #system: System
  readonly #sizes: Sizes
  readonly #results: Results
  readonly #place: { readonly postgresUrl: string; readonly folder: string }

  constructor(
    system: System,
    sizes: Sizes,
    results: Results,
    place: { readonly postgresUrl: string; readonly folder: string },
  ) {
    this.#system = system
    this.#sizes = sizes
    this.#results = results
    this.#place = place
  }

  /** Latency and backlog each on a broker and databases of their own: a backlog leaves work behind that is not latency's. */
  async measure(name: string, caseWord: string): Promise<void> {
    if ('aggregate latency'.includes(caseWord)) {
      await this.#inNewPlace(`${name}_latency`, (producer, consuming) =>
        this.#measureLatency(producer, consuming),
      )
    }
    if (!['create', 'relay backlog', 'aggregate backlog'].some((each) => each.includes(caseWord))) {
      return
    }
    await this.#inNewPlace(`${name}_backlog`, (producer, consuming) =>
      this.#system.pauseMs > 0
        ? this.#measurePolling(producer)
        : this.#measureBacklog(producer, consuming),
    )
  }

  async #inNewPlace(
    name: string,
    work: (producer: BenchChild, consuming: Record<string, string>) => Promise<void>,
  ): Promise<void> {
    await using broker = await startBrokerProcess({ dir: join(this.#place.folder, name), port: 0 })
    {
      await using admin = await createAdmin({ brokers: [broker.address], clientId: 'bench' })
      await admin.ensureTopics([discussionEventsTopic])
    }
    const environment = async (side: string): Promise<Record<string, string>> => {
      const database = `bench_${name}_${side}`
      await ensureDatabase(this.#place.postgresUrl, database)
      return {
        DATABASE_URL: withDatabaseName(this.#place.postgresUrl, database),
        KAFKA_BROKERS: broker.address,
      }
    }
    const producer = startChild(this.#system.producer, await environment('producer'))
    await producer.call('install')
    await work(producer, await environment('consumer'))
    await producer.stop()
  }

  /** A backlog is made, sent, and taken: three figures, each by itself. */
  async #measureBacklog(producer: BenchChild, consuming: Record<string, string>): Promise<void> {
    const { backlog } = this.#sizes
    const created = await producer.call<number>('create', { count: backlog, writers })
    this.#throughput('create', backlog / created)
    const before = await producer.usage()
    const { sent, seconds } = await producer.call<{
      readonly sent: number
      readonly seconds: number
    }>('drain', { pauseMs: 0, maxSeconds: 3_600 })
    if (sent !== backlog) throw new Error(`${this.#system.name} sent ${sent} of ${backlog} events`)
    const after = await producer.usage()
    this.#throughput('relay backlog', backlog / seconds)
    this.#results.add(
      'relay backlog',
      this.#system.name,
      'cpu',
      'µs/event',
      ((after.cpuSeconds - before.cpuSeconds) / backlog) * 1e6,
    )
    this.#results.add('relay backlog', this.#system.name, 'rss', 'MB', after.maxRssMb)

    await using database = openDatabase({
      url: consuming['DATABASE_URL'] ?? '',
      applicationName: 'bench',
    })
    const startedAtMs = performance.now()
    const consumer = await this.#startConsumer(consuming, database)
    await this.#untilProcessed(database, backlog)
    this.#throughput('aggregate backlog', backlog / ((performance.now() - startedAtMs) / 1000))
    const usage = await consumer.usage()
    this.#results.add(
      'aggregate backlog',
      this.#system.name,
      'cpu',
      'µs/event',
      (usage.cpuSeconds / backlog) * 1e6,
    )
    this.#results.add('aggregate backlog', this.#system.name, 'rss', 'MB', usage.maxRssMb)
    await consumer.stop()
  }

  /** By the letter, 100 rows every five seconds: measured for a while, not to its end. */
  async #measurePolling(producer: BenchChild): Promise<void> {
    await producer.call('create', { count: 1_000, writers })
    const { sent, seconds } = await producer.call<{
      readonly sent: number
      readonly seconds: number
    }>('drain', { pauseMs: this.#system.pauseMs, maxSeconds: this.#sizes.pollSeconds })
    this.#throughput('relay backlog', sent / seconds)
  }

  /** From the commit's answer until another connection sees the aggregate, at an even pace of single-event transactions. */
  async #measureLatency(producer: BenchChild, consuming: Record<string, string>): Promise<void> {
    await using database = openDatabase({
      url: consuming['DATABASE_URL'] ?? '',
      applicationName: 'bench',
      maxConnections: 1,
    })
    // The table grows faster than statistics are gathered; a look must be a look into the index, or looking takes the machine.
    await database.query('set enable_seqscan = off')
    const consumer = await this.#startConsumer(consuming, database)
    await producer.call('startRelay', { pauseMs: this.#system.pauseMs })
    // Not counted: connections, prepared statements, compiled code.
    const isPolling = this.#system.pauseMs > 0
    const perSecond = isPolling ? pollingEventsPerSecond : eventsPerSecond
    await producer.call('latency', { perSecond, seconds: warmUpSeconds })
    const observer = new AggregateObserver(database)
    producer.onEvent((sample) => observer.expect(sample as LatencySample))
    await producer.call('latency', { perSecond, seconds: this.#sizes.latencySeconds })
    const latencies = await observer.latencies()
    this.#results.add(
      `aggregate latency ${perSecond}/s`,
      this.#system.name,
      'p50',
      'ms',
      percentile(latencies, 0.5),
    )
    this.#results.add(
      `aggregate latency ${perSecond}/s`,
      this.#system.name,
      'p99',
      'ms',
      percentile(latencies, 0.99),
    )
    await producer.call('stopRelay')
    await consumer.stop()
  }

  async #startConsumer(consuming: Record<string, string>, database: Database): Promise<BenchChild> {
    if (this.#system !== millrace) await createNaiveTablesOnce(database)
    const consumer = startChild(this.#system.consumer, consuming)
    await consumer.call('start')
    return consumer
  }

  async #untilProcessed(database: Database, count: number): Promise<void> {
    for (;;) {
      const { rows } = await database.query<{ count: number }>(this.#system.processedCount)
      if ((rows[0]?.count ?? 0) >= count) return
      await systemClock.sleep(50)
    }
  }

  #throughput(caseName: string, perSecond: number): void {
    this.#results.add(caseName, this.#system.name, 'throughput', 'events/s', perSecond)
  }
}

async function createNaiveTablesOnce(database: Database): Promise<void> {
  await database.query(`
    create table if not exists thread_aggregate (
      thread_id text primary key, course_id text, view_count bigint not null default 0, comment_count bigint not null default 0,
      upvotes bigint not null default 0, downvotes bigint not null default 0, updated_at timestamptz not null default now()
    )`)
  await database.query(
    'create table if not exists event_processed (event_id text primary key, processed_at timestamptz not null default now())',
  )
  await database.query(
    'create table if not exists event_failed (event_id text primary key, error text not null)',
  )
}

/** Looks from outside, the same way for every system, every 2 ms: which of the threads that were committed have an aggregate by now? */
class AggregateObserver {
  readonly #database: Database
  readonly #outstanding = new Map<string, number>()
  readonly #latencies: number[] = []
  #watching: Promise<void> | undefined

  constructor(database: Database) {
    this.#database = database
  }

  expect(sample: LatencySample): void {
    this.#outstanding.set(sample.threadId, sample.committedAtMs)
    this.#watching ??= this.#watch()
  }

  /** When all that was expected has been seen. */
  async latencies(): Promise<readonly number[]> {
    await this.#watching
    return this.#latencies
  }

  async #watch(): Promise<void> {
    let lastSeenMs = performance.now()
    while (this.#outstanding.size > 0) {
      const { rows } = await this.#database.query<{ thread_id: string }>(
        {
          name: 'bench-observe',
          text: 'select thread_id from thread_aggregate where thread_id = any($1::text[])',
        },
        [[...this.#outstanding.keys()]],
      )
      const nowMs = Date.now()
      if (rows.length > 0) lastSeenMs = performance.now()
      for (const { thread_id: threadId } of rows) {
        this.#latencies.push(nowMs - (this.#outstanding.get(threadId) ?? nowMs))
        this.#outstanding.delete(threadId)
      }
      if (performance.now() - lastSeenMs > visibleTimeoutMs) {
        throw new Error(
          `${this.#outstanding.size} aggregates were not visible ${visibleTimeoutMs / 1000} s after their commits`,
        )
      }
      await systemClock.sleep(2)
    }
    this.#watching = undefined
  }
}
