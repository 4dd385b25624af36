import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { discussionEventsTopic } from '@millrace/contracts'
import { systemClock } from '@millrace/core'
import { startPostgres } from '@millrace/embedded'
import { createAdmin } from '@millrace/kafka'
import { ensureDatabase, openDatabase, withDatabaseName, type Database } from '@millrace/postgres'
import { startChild } from '../child.ts'
import { startApache, startOurs, type BenchBroker } from '../kafka/brokers.ts'
import { Results, type ResultRow, type SuiteRun } from '../result.ts'
import { createNaiveTables } from '../spine/naive-schema.ts'
import { fillTopic, type Load } from './handle-job.ts'

/** Ours or the peer: the program, and where it notes what it is done with. */
interface System {
  readonly name: string
  readonly program: URL
  readonly settledCount: string
  readonly env?: Readonly<Record<string, string>>
}

const settledHere = `select count(*)::int as count from event_consumption_data where status in ('PROCESSED', 'FAILED', 'PARKED')`
const ours = new URL('./millrace.ts', import.meta.url)

const systems: readonly System[] = [
  { name: 'millrace', program: ours, settledCount: settledHere },
  // Its handler does not say which event it refused.
  { name: 'millrace-blameless', program: ours, settledCount: settledHere, env: { BLAMES: 'no' } },
  {
    name: 'naive',
    program: new URL('../spine/naive-consumer.ts', import.meta.url),
    settledCount:
      'select (select count(*) from event_processed)::int + (select count(*) from event_failed)::int as count',
  },
]

interface Case extends Load {
  readonly name: string
}

/**
 * A topic full of discussion events through the aggregate of S0, with its log, beside the requirement's own consumer (ask whether it was
 * processed, apply, save the id; one event, one transaction). From the consumer's start until every event is settled.
 */
export async function runInboxSuite(asked: SuiteRun): Promise<readonly ResultRow[]> {
  const [events, rounds] = asked.isQuick ? [2_000, 1] : [50_000, asked.rounds ?? 3]
  const cases: readonly Case[] = [
    { name: 'handle', events, duplicateShare: 0, failingShare: 0 },
    { name: 'handle 10 % twice', events, duplicateShare: 0.1, failingShare: 0 },
    { name: 'handle 1 % failing', events, duplicateShare: 0, failingShare: 0.01 },
  ]
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const results = new Results('inbox')
  await using postgres = await startPostgres({ dir: join(folder, 'postgres') })
  await using broker = await startBroker(asked, folder)
  try {
    for (let round = 1; round <= rounds; round++) {
      for (const each of cases.filter(({ name }) => name.includes(asked.caseWord))) {
        asked.say(`round ${round} of ${rounds}: ${each.name}`)
        const taking = systems
          .filter(({ name }) => name.includes(asked.systemWord))
          .filter(({ env }) => each.failingShare > 0 || env === undefined)
        await handleOnAll(each, taking, round, postgres.url, broker, results)
      }
    }
  } finally {
    await postgres.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  return results.rows()
}

async function startBroker(asked: SuiteRun, folder: string): Promise<BenchBroker> {
  try {
    return await startApache()
  } catch (error) {
    asked.note(`Apache Kafka is absent (${String(error)}); the broker is ours`)
    return startOurs(folder)
  }
}

async function handleOnAll(
  each: Case,
  taking: readonly System[],
  round: number,
  postgresUrl: string,
  broker: BenchBroker,
  results: Results,
): Promise<void> {
  await using admin = await createAdmin({ brokers: [broker.address], clientId: 'bench' })
  for (const system of round % 2 === 0 ? taking : taking.toReversed()) {
    // Anew for each: with it go the offsets of the group, which is the same for all of ours.
    await admin.ensureTopics([discussionEventsTopic])
    await fillTopic([broker.address], each)
    const databaseName = `${system.name.replaceAll('-', '_')}_${each.name.replaceAll(/\W/g, '')}_${round}`
    await ensureDatabase(postgresUrl, databaseName)
    const url = withDatabaseName(postgresUrl, databaseName)
    await using database = openDatabase({ url, applicationName: 'bench', maxConnections: 1 })
    const child = startChild(system.program, {
      DATABASE_URL: url,
      KAFKA_BROKERS: broker.address,
      ...system.env,
    })
    if (system.program === ours) await child.call('install')
    else await createNaiveTables(database)
    const startedAtMs = performance.now()
    await child.call('start')
    await untilSettled(database, system, each.events)
    const seconds = (performance.now() - startedAtMs) / 1_000
    const usage = await child.usage()
    await child.stop()
    results.add(each.name, system.name, 'throughput', 'events/s', each.events / seconds)
    results.add(each.name, system.name, 'cpu', 'µs/event', (usage.cpuSeconds / each.events) * 1e6)
    results.add(each.name, system.name, 'rss', 'MB', usage.maxRssMb)
    await admin.deleteTopics([discussionEventsTopic.name])
    while ((await admin.listTopics()).includes(discussionEventsTopic.name))
      await systemClock.sleep(50)
  }
}

async function untilSettled(database: Database, system: System, count: number): Promise<void> {
  const deadlineMs = performance.now() + 600_000
  for (;;) {
    const { rows } = await database.query<{ readonly count: number }>(system.settledCount)
    const settled = rows[0]?.count ?? 0
    if (settled >= count) return
    if (performance.now() > deadlineMs)
      throw new Error(`${system.name} settled ${settled} of ${count} events`)
    await systemClock.sleep(50)
  }
}
