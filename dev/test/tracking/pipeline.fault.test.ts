import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { inspect } from 'node:util'
import { randomInt, seededRandom, systemClock, type Random } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { startPostgres, type EmbeddedPostgres } from '@millrace/embedded'
import { ContractRegistry } from '@millrace/events'
import { createInbox } from '@millrace/inbox'
import { createAdmin } from '@millrace/kafka'
import { ensureDatabase, openDatabase, withDatabaseName, type Database } from '@millrace/postgres'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import { readToEnd } from '../read-to-end.ts'
import { rounds } from '../spine/rounds.ts'
import { historyDifference, type History } from './history-difference.ts'
import { KillableProcess } from './killable-process.ts'
import { groupId, stepTaken, topic } from './pipeline-contract.ts'
import { PipelineWriters } from './pipeline-writers.ts'

/**
 * The whole way of an event, from the transaction to the effect, while everything on it is killed, stopped and started: relays, consumers,
 * Postgres, the broker. Every committed event is on the topic exactly once and has its effect exactly once, each key in order.
 */

const partitions = 6
const isLong = process.env['MILLRACE_TEST_LONG'] !== undefined
const wantedEvents = isLong ? 1_000_000 : 20_000
const leastDisturbances = isLong ? 200 : 12
const relayLeaseMs = 1_000

/** Both servers, and the processes between them. */
class Pipeline implements AsyncDisposable {
  readonly kafka: RunningKafka
  readonly writers: PipelineWriters
  readonly consumed: Database
  #postgres: EmbeddedPostgres
  readonly #folder: string
  readonly #relays: readonly KillableProcess[]
  readonly #consumers: readonly KillableProcess[]

  private constructor(
    kafka: RunningKafka,
    postgres: EmbeddedPostgres,
    folder: string,
    urls: { readonly produced: string; readonly consumed: string },
  ) {
    this.kafka = kafka
    this.#postgres = postgres
    this.#folder = folder
    const [broker = ''] = kafka.brokers
    this.writers = new PipelineWriters(urls.produced)
    this.consumed = openDatabase({ url: urls.consumed, applicationName: 'pipeline-test' })
    const relay = (): KillableProcess =>
      new KillableProcess('relay-process.ts', [urls.produced, broker])
    const consumer = (n: number): KillableProcess =>
      new KillableProcess('consumer-process.ts', [urls.consumed, broker, `consumer-${n}`])
    this.#relays = [relay(), relay()]
    this.#consumers = [consumer(1), consumer(2)]
  }

  static async start(kafka: RunningKafka): Promise<Pipeline> {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-pipeline-'))
    const postgres = await startPostgres({ dir: folder })
    const urls = {
      produced: withDatabaseName(postgres.url, 'produced'),
      consumed: withDatabaseName(postgres.url, 'consumed'),
    }
    await ensureDatabase(postgres.url, 'produced')
    await ensureDatabase(postgres.url, 'consumed')
    await using admin = await createAdmin({ brokers: kafka.brokers, clientId: 'pipeline-test' })
    await admin.ensureTopics([{ name: topic, partitions }])
    await install(urls)
    return new Pipeline(kafka, postgres, folder, urls)
  }

  async disturb(random: Random): Promise<string> {
    const kinds = [
      'relay killed',
      'relay frozen past its lease',
      'consumer killed',
      'consumer leaves and comes back',
      'Postgres killed',
      'broker killed',
    ] as const
    const kind = kinds[randomInt(random, kinds.length)] ?? 'relay killed'
    const relay = this.#relays[randomInt(random, this.#relays.length)] as KillableProcess
    const consumer = this.#consumers[randomInt(random, this.#consumers.length)] as KillableProcess
    switch (kind) {
      case 'relay killed':
        await relay.restart('SIGKILL')
        break
      case 'relay frozen past its lease':
        relay.freeze()
        await systemClock.sleep(relayLeaseMs * 2)
        relay.thaw()
        break
      case 'consumer killed':
        await consumer.restart('SIGKILL')
        break
      case 'consumer leaves and comes back':
        await consumer.restart('SIGTERM')
        break
      case 'Postgres killed':
        await this.#killPostgres()
        break
      case 'broker killed':
        await this.kafka.kill()
        await this.kafka.restart()
        break
    }
    return kind
  }

  /** For people: who may be holding everybody up. */
  async whereItStands(): Promise<string> {
    await using admin = await createAdmin({
      brokers: this.kafka.brokers,
      clientId: 'pipeline-test',
    })
    const transactions = await admin.listTransactions()
    const facts = await Promise.allSettled([
      this.writers.lanes(),
      admin.describeGroups([groupId]),
      admin.groupLag(groupId, [topic]),
      admin.describeTransactions(transactions.map(({ transactionalId }) => transactionalId)),
    ])
    return inspect(facts, { depth: 6, breakLength: 160 })
  }

  async #killPostgres(): Promise<void> {
    const { port } = this.#postgres
    this.#postgres.kill()
    await this.#postgres.exited
    this.#postgres = await startPostgres({ dir: this.#folder, port })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of [...this.#relays, ...this.#consumers]) await each[Symbol.asyncDispose]()
    await this.writers[Symbol.asyncDispose]()
    await this.consumed.close()
    await this.#postgres.stop()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

async function install(urls: { readonly produced: string; readonly consumed: string }) {
  await using writers = new PipelineWriters(urls.produced)
  await writers.install()
  await using database = openDatabase({ url: urls.consumed, applicationName: 'pipeline-test' })
  await createInbox({
    database,
    serviceName: 'pipeline',
    groupId,
    contracts: new ContractRegistry([stepTaken]),
  }).migrate()
  await database.query(
    'create table effect (sequence bigserial, event_id uuid not null, key text not null, version int not null)',
  )
}

for (const backend of await kafkaBackends()) {
  for (const seed of isLong ? rounds().slice(0, 1) : rounds()) {
    test(`${wantedEvents} events through kills of relays, consumers, Postgres and ${backend.name} (seed ${seed})`, (t) =>
      survive(t, seed, () => backend.start()))
  }
}

async function survive(
  t: TestContext,
  seed: number,
  startKafka: () => Promise<RunningKafka>,
): Promise<void> {
  const random = seededRandom(seed)
  await using kafka = await startKafka()
  await using pipeline = await Pipeline.start(kafka)
  const { writers } = pipeline
  writers.start(seed)
  const disturbances = new Map<string, number>()
  for (
    let count = 0;
    count < leastDisturbances || writers.acknowledged.size < wantedEvents;
    count++
  ) {
    await untilMoreEffects(pipeline)
    const kind = await pipeline.disturb(random)
    disturbances.set(kind, (disturbances.get(kind) ?? 0) + 1)
  }
  await writers.stop()
  t.diagnostic([...disturbances].map(([kind, count]) => `${kind}: ${count}`).join(', '))

  const committed = await writers.committed()
  const all = new Set([...committed.values()].flat())
  for (const id of writers.acknowledged)
    assert.ok(all.has(id), `${id} was acknowledged and is gone`)
  t.diagnostic(`${all.size} events committed, ${writers.acknowledged.size} of them acknowledged`)
  await untilDone('published', all.size, () => writers.published())
  assert.equal(await writers.pending(), 0, 'what is pending is what is not published')
  assertSame('on the topic', await topicByKey(kafka.brokers), committed)
  await untilDone('with an effect', all.size, () => effectCount(pipeline.consumed))
  assertSame('with an effect', await effectsByKey(pipeline.consumed), committed)
  await assertNothingStuck(pipeline.consumed, all.size)
}

/** However long it takes, as long as it goes on. */
async function untilDone(
  what: string,
  wanted: number,
  count: () => Promise<number>,
): Promise<void> {
  while ((await count()) < wanted) {
    const before = await count()
    const goesOn = async (): Promise<boolean> => {
      const done = await count()
      return done > before || done >= wanted
    }
    const name = `${what}: more than ${before} of ${wanted}`
    await eventually(name, goesOn, { timeoutMs: 120_000, everyMs: 250 })
  }
}

/** Each committed event once, each key in order. */
function assertSame(where: string, actual: History, committed: History): void {
  const difference = historyDifference(actual, committed)
  assert.equal(
    difference,
    undefined,
    `events ${where} are not those that were committed: ${difference}`,
  )
}

/** The pipeline works again, after whatever was done to it. */
async function untilMoreEffects(pipeline: Pipeline): Promise<void> {
  const before = await effectCount(pipeline.consumed)
  const isMore = async (): Promise<boolean> => (await effectCount(pipeline.consumed)) > before
  try {
    await eventually('effects go on', isMore, { timeoutMs: 120_000, everyMs: 100 })
  } catch (error) {
    throw new Error(`No effect in 120 s. ${await pipeline.whereItStands()}`, { cause: error })
  }
}

async function effectCount(database: Database): Promise<number> {
  const { rows } = await database.query<{ readonly count: number }>(
    'select count(*)::int as count from effect',
  )
  return rows[0]?.count ?? 0
}

/** In the order in which they were handled. */
async function effectsByKey(database: Database): Promise<ReadonlyMap<string, readonly string[]>> {
  const { rows } = await database.query<{ readonly key: string; readonly ids: string[] }>(
    'select key, array_agg(event_id::text order by sequence) as ids from effect group by key order by key',
  )
  return new Map(rows.map(({ key, ids }) => [key, ids]))
}

async function assertNothingStuck(database: Database, count: number): Promise<void> {
  const { rows } = await database.query<{ readonly status: string; readonly count: number }>(
    'select status, count(*)::int as count from inbox.event_consumption_log group by status',
  )
  assert.deepEqual(rows, [{ status: 'PROCESSED', count }])
}

/** What a reader of committed records finds from the beginning to the end. */
async function topicByKey(
  brokers: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, string[]>()
  for await (const { key, value } of readToEnd(brokers, topic)) {
    const name = String(key)
    const ids = found.get(name) ?? []
    found.set(name, ids)
    ids.push((JSON.parse(String(value)) as { readonly eventId: string }).eventId)
  }
  return found
}
