import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { randomInt, seededRandom, systemClock, type Random } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { createAdmin, type ClusterAdmin, type KafkaOptions } from '@millrace/kafka'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import { AppInstances } from '../../test/chaos/app-instances.ts'
import { LoadWriter, type AppLoad } from '../../test/chaos/app-load.ts'
import { CommittedReader } from '../../test/chaos/committed-reader.ts'
import { OrderLoad } from '../../test/chaos/order-load.ts'
import { assertStateIsChangelog, openTransactions } from '../../test/chaos/state-on-disk.ts'
import { WordLoad } from '../../test/chaos/word-load.ts'
import { stateDirectory } from '../../test/streams-fixture.ts'

/**
 * Three instances of two threads under exactly-once, killed anywhere and at three points of a commit, stopped past their sessions, made to
 * leave and come back, joined by a fourth; the broker killed under them. What comes out is what a batch over the input gives, each
 * version of each result once and in order; state on disk is what its changelog says; nothing is left open.
 */

const isLong = process.env['MILLRACE_TEST_LONG'] !== undefined
const kills = Number(process.env['MILLRACE_KILLS'] ?? (isLong ? 100 : 10))
const limit = { timeoutMs: 240_000, everyMs: 100 }
/** Longer than their sessions (6 s) and transactions (5 s). */
const frozenMs = 8_000

type Disturbance = 'kill' | 'kill in a commit' | 'leave' | 'fourth' | 'freeze' | 'broker'

for (const backend of await kafkaBackends())
  // Both at once: most of their time is waiting for sessions to end. The broker is killed under both.
  describe(`streams under fire on ${backend.name}`, { concurrency: true }, () => {
    let kafka: RunningKafka
    let killing = Promise.resolve()
    const killBroker = (downMs: number): Promise<void> =>
      (killing = killing.then(async () => {
        await kafka.kill()
        await systemClock.sleep(downMs)
        await kafka.restart()
      }))
    before(async () => {
      kafka = await backend.start()
    })
    after(() => kafka.stop())

    for (const subject of [
      {
        name: 'word count, state on disk and in memory, threads on one event loop',
        prepare: (options: KafkaOptions, random: Random): Promise<AppLoad> =>
          WordLoad.prepare(options, random),
        typeOf: (index: number) => (index === 2 ? ('memory' as const) : ('persistent' as const)),
        areWorkers: false,
      },
      {
        name: 'orders joined with payments and with customers, state on disk, threads as workers',
        prepare: (options: KafkaOptions, random: Random): Promise<AppLoad> =>
          OrderLoad.prepare(options, random),
        typeOf: () => 'persistent' as const,
        areWorkers: true,
      },
    ])
      test(`${subject.name}: ${kills} kills change nothing`, async (t) => {
        const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000)
        t.diagnostic(`MILLRACE_SEED=${seed}`)
        const random = seededRandom(seed)
        const options: KafkaOptions = { brokers: kafka.brokers, clientId: 'streams-fault-test' }
        const load = await subject.prepare(options, random)
        const { applicationId } = load
        await using directory = await stateDirectory()
        const stateDirOf = (index: number): string => join(directory.path, String(index))
        await using instances = new AppInstances((index) => ({
          app: load.app,
          broker: kafka.brokers[0] as string,
          applicationId,
          stateDir: stateDirOf(index),
          topics: load.topics,
          storeType: subject.typeOf(index),
          areWorkers: subject.areWorkers,
        }))
        for (let index = 0; index < 3; index++) instances.start(index)
        await using writer = await LoadWriter.start(options, load)
        await using reader = await CommittedReader.open(options, load.watchedTopic)
        const fire = new Fire({ instances, kafka: options, killBroker, random, load, reader })
        const deck = deckOf(random)
        await fire.goesOn()
        for (const [index, disturbance] of deck.entries()) {
          await fire.disturb(disturbance)
          // More often than not the next one comes before all has recovered from the last.
          if (index % 4 === 3) await fire.goesOn()
          else await systemClock.sleep(randomInt(random, 2_000))
          if (index % 8 === 7) await writer.between(() => fire.settled())
        }
        await fire.goesOn()
        await writer.pause()
        await fire.settled()
        await instances.leaveAll()
        t.diagnostic(
          `${deck.length} disturbances, ${fire.killsInCommit} kills in a commit, ${load.expectedCount} results; ${load.app} on ${backend.name}`,
        )
        await load.assertExact(options)
        const persistent = [0, 1, 2, 3].filter((index) => subject.typeOf(index) === 'persistent')
        await assertStateIsChangelog(
          options,
          applicationId,
          load.stores,
          persistent.map(stateDirOf),
          persistent.length === 4,
        )
        await using admin = await createAdmin(options)
        assert.deepEqual(await openTransactions(admin, await topicsOf(admin, load)), [])
      })
  })

interface FireOptions {
  readonly instances: AppInstances
  readonly kafka: KafkaOptions
  readonly killBroker: (downMs: number) => Promise<void>
  readonly random: Random
  readonly load: AppLoad
  readonly reader: CommittedReader
}

class Fire {
  /** Of the kills that were to be in a commit those that were. */
  killsInCommit = 0
  readonly #options: FireOptions
  #seen: readonly number[] = []

  constructor(options: FireOptions) {
    this.#options = options
  }

  async disturb(disturbance: Disturbance): Promise<void> {
    const { instances, random, killBroker } = this.#options
    const index = randomInt(random, 3)
    switch (disturbance) {
      case 'kill':
        await instances.kill(index)
        instances.start(index)
        break
      case 'kill in a commit':
        await instances.leave(index)
        if (await instances.runUntilKilled(index, nextFault(random))) this.killsInCommit++
        instances.start(index)
        break
      case 'leave':
        await instances.leave(index)
        await systemClock.sleep(randomInt(random, 1_000))
        instances.start(index)
        break
      case 'fourth':
        if (instances.has(3)) await instances.leave(3)
        else instances.start(3)
        break
      case 'freeze':
        instances.signal(index, 'SIGSTOP')
        await systemClock.sleep(frozenMs + randomInt(random, 2_000))
        instances.signal(index, 'SIGCONT')
        break
      case 'broker':
        await killBroker(randomInt(random, 500))
        break
    }
  }

  /** On every partition of the output something has come since the last call: no task is dead, or still to be restored. */
  async goesOn(): Promise<void> {
    const { instances, reader } = this.#options
    this.#seen = [...reader.counts]
    await eventually(
      'every task goes on',
      () => {
        instances.assertAlive()
        return reader.counts.every((count, partition) => count > (this.#seen[partition] ?? 0))
      },
      limit,
    )
  }

  /** All that was written has come out. */
  async settled(): Promise<void> {
    const { instances, reader, load } = this.#options
    try {
      await eventually(
        'all is done',
        () => {
          instances.assertAlive()
          assert.ok(reader.count >= load.expectedCount, `${reader.count} of ${load.expectedCount}`)
          return true
        },
        limit,
      )
    } catch (error) {
      throw new Error(`Not all is done. ${await this.#whatIsLeft()}`, { cause: error })
    }
  }

  /** Where the app has not come to the end of its topics, and where a transaction is open. */
  async #whatIsLeft(): Promise<string> {
    const { kafka, load } = this.#options
    await using admin = await createAdmin(kafka)
    const topics = await topicsOf(admin, load)
    const left: string[] = []
    for (const { topic, partition, lagRecords } of await admin.groupLag(load.applicationId, topics))
      if (lagRecords > 0) left.push(`${topic}/${partition} lags by ${lagRecords}`)
    for (const open of await openTransactions(admin, topics)) left.push(open)
    return left.join('; ')
  }
}

/** Those it was given, and those it has made. */
async function topicsOf(admin: ClusterAdmin, load: AppLoad): Promise<readonly string[]> {
  const all = await admin.listTopics()
  const internal = all.filter((topic) => topic.startsWith(load.applicationId))
  assert.ok(internal.length >= 2)
  return [...Object.values(load.topics), ...internal]
}

/** As many kills as wanted, and the other disturbances among them. */
function deckOf(random: Random): readonly Disturbance[] {
  const tenths = Math.max(1, Math.round(kills / 10))
  const wanted: readonly (readonly [Disturbance, number])[] = [
    ['kill', Math.ceil(kills / 2)],
    ['kill in a commit', Math.floor(kills / 2)],
    ['leave', tenths],
    ['fourth', 2 * tenths],
    ['freeze', tenths],
    ['broker', tenths],
  ]
  return wanted
    .flatMap(([disturbance, count]) => Array.from({ length: count }, () => disturbance))
    .map((each) => ({ each, at: randomInt(random, 1_000_000) }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ each }) => each)
}

function nextFault(random: Random): string {
  const points = ['beforeOffsets', 'afterOffsets', 'afterCommit']
  return `kill@streams.commit.${points[randomInt(random, points.length)]}#${1 + randomInt(random, 4)}`
}
