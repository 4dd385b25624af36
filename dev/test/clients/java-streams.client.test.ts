import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@millrace/core'
import { createAdmin } from '@millrace/kafka'
import type { JarSet } from '@millrace/testkit'
import { clientSuite, javaClient, type ClientTest } from './client-suite.ts'
import { startJava } from './java-program.ts'
import { patiently, type ToolProcess } from './tool-process.ts'

/**
 * Java Kafka Streams with exactly-once v2, by the mains of Kafka's own system tests, while the broker is killed with SIGKILL and comes
 * back. The verdict is theirs: they read committed records, compute everything again and compare.
 */

const version = '4.1.1'
const jar = (artifactId: string, classifier?: string) => ({
  groupId: 'org.apache.kafka',
  artifactId,
  version,
  ...(classifier === undefined ? {} : { classifier }),
})
const streamsJars: JarSet = {
  name: `apache-kafka-streams/${version}`,
  jars: [jar('kafka-streams'), jar('kafka-streams', 'test'), jar('kafka-clients', 'test')],
}
const tests = 'org.apache.kafka.streams.tests'
const partitions = 3
const limitMs = 280_000

/** A program of the test jar with its own settings and state; all end with the test. */
class Programs implements AsyncDisposable {
  readonly #on: ClientTest
  readonly #directory: string
  readonly #started: ToolProcess[] = []

  private constructor(on: ClientTest, directory: string) {
    this.#on = on
    this.#directory = directory
  }

  static async open(on: ClientTest): Promise<Programs> {
    return new Programs(on, await mkdtemp(join(tmpdir(), 'millrace-streams-')))
  }

  /** `instance` names the state directory: whoever comes back under the same name finds what it left. */
  async start(mainClass: string, command: string, instance: string): Promise<ToolProcess> {
    const settings = {
      'bootstrap.servers': this.#on.address,
      'processing.guarantee': 'exactly_once_v2',
      'state.dir': join(this.#directory, instance),
      // Instances that are killed are missed after 10 s rather than 45, and their transactions end.
      'session.timeout.ms': '10000',
      'transaction.timeout.ms': '10000',
    }
    const file = join(this.#directory, `${instance}.properties`)
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`)
    await writeFile(file, lines.join(''))
    const program = startJava(this.#on.tool, `${tests}.${mainClass}`, `${file} ${command}`, {
      limitMs,
    })
    this.#started.push(program)
    return program
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#started.map((program) => program[Symbol.asyncDispose]()))
    await rm(this.#directory, { recursive: true, force: true })
  }
}

async function makeTopics(on: ClientTest, names: readonly string[]): Promise<void> {
  await using admin = await createAdmin({ brokers: [on.address], clientId: 'streams-topics' })
  await admin.ensureTopics(names.map((name) => ({ name, partitions })))
}

/** The test asks for three replicas of its changelogs, and here is one broker: made beforehand, they are taken as they are. */
const eosTopics = ['data', 'echo', 'min', 'sum', 'repartition', 'max', 'cnt'].concat(
  ['03', '07', '14', '18'].map(
    (node) => `EosTest-KSTREAM-AGGREGATE-STATE-STORE-00000000${node}-changelog`,
  ),
)

async function eosTest(on: ClientTest): Promise<void> {
  await makeTopics(on, eosTopics)
  await using programs = await Programs.open(on)
  const generator = await programs.start('StreamsEosTest', 'run', 'generator')
  const process = (instance: string) =>
    programs.start('StreamsEosTest', 'process-complex', instance)
  const first = await process('first')
  await first.says('REBALANCING -> RUNNING')
  await progress(on, 300)

  await on.kafka.kill()
  await on.kafka.restart()
  await progress(on, 300)

  const second = await process('second')
  await second.says('REBALANCING -> RUNNING')
  await first.kill()
  const third = await process('first')
  await third.says('REBALANCING -> RUNNING')
  await on.kafka.kill()
  await on.kafka.restart()
  await progress(on, 300)

  generator.signal('SIGTERM')
  await generator.says('Terminated')
  for (const instance of [second, third]) instance.signal('SIGTERM')
  for (const instance of [second, third]) await instance.says('EOS-TEST-CLIENT-CLOSED')
  const verifier = await programs.start('StreamsEosTest', 'verify-complex', 'verifier')
  await verifier.ends()
  assert.match(verifier.stdout, /ALL-RECORDS-DELIVERED/, verifier.stdout + verifier.stderr)
}

const smokeTopics =
  'data echo max min min-suppressed min-raw dif sum sws-raw sws-suppressed cnt avg tagg fk'

/** The driver sends 20,000 records over 90 s, then reads all results and compares them with its own. */
async function smokeTest(on: ClientTest): Promise<void> {
  // The two tests share names of topics, and with them nothing.
  await using admin = await createAdmin({ brokers: [on.address], clientId: 'streams-smoke' })
  const topics = await admin.listTopics()
  await admin.deleteTopics(topics.filter((name) => !name.startsWith('__')))
  await patiently('the topics are gone', async () =>
    (await admin.listTopics()).every((name) => name.startsWith('__')),
  )
  await makeTopics(on, smokeTopics.split(' '))
  await using programs = await Programs.open(on)
  const driver = await programs.start('StreamsSmokeTest', 'run', 'driver')
  const first = await programs.start('StreamsSmokeTest', 'process', 'first')
  await first.says('SMOKE-TEST-CLIENT-STARTED')
  await progress(on, 300)
  await on.kafka.kill()
  await on.kafka.restart()
  const second = await programs.start('StreamsSmokeTest', 'process', 'second')
  await second.says('SMOKE-TEST-CLIENT-STARTED')
  await progress(on, 300)
  await first.kill()
  await on.kafka.kill()
  await on.kafka.restart()
  await driver.exited
  assert.match(driver.stdout, /ALL-RECORDS-DELIVERED/, driver.stdout.slice(-6_000))
  assert.match(driver.stdout, /^SUCCESS$/m, driver.stdout.slice(-6_000))
  second.signal('SIGTERM')
  await second.says('SMOKE-TEST-CLIENT-CLOSED')
}

/** Waits until so many more records have been counted and committed. */
async function progress(on: ClientTest, records: number): Promise<void> {
  await using admin = await createAdmin({ brokers: [on.address], clientId: 'streams-progress' })
  const counted = async (): Promise<number> =>
    (await admin.endOffsets('cnt')).reduce((sum, { offset }) => sum + Number(offset), 0)
  const start = await counted()
  const startedMs = systemClock.monotonicMs()
  await patiently(
    `${records} more records are counted`,
    async () => (await counted()) >= start + records,
  )
  on.context.diagnostic(
    `${records} more counted after ${Math.round(systemClock.monotonicMs() - startedMs)} ms`,
  )
}

await clientSuite(
  javaClient(`Kafka Streams ${version}`, streamsJars),
  (suite) => {
    suite.test(
      'StreamsEosTest: a topology with repartitioning; the broker and an instance killed: nothing lost, nothing twice',
      eosTest,
      limitMs,
    )
    suite.test(
      'StreamsSmokeTest: windows, joins, suppression; the broker and an instance killed: the results are exact',
      smokeTest,
      limitMs,
    )
  },
  // Three minutes of Java on Java.
  { reference: 'long' },
)
