import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { createConsumer, createProducer } from '@millrace/kafka'
import { apacheKafkaJars } from '@millrace/testkit'
import { clientSuite, confluentKafka, javaClient, type ClientTest } from './client-suite.ts'
import { JavaCommands, startJava } from './java-program.ts'
import { patiently, runTool, ToolProcess } from './tool-process.ts'

/** Groups of the new protocol (KIP-848) with the clients that speak it: Java 4.1, librdkafka (confluent-kafka for Python), and ours. */

const tools = 'org.apache.kafka.tools'
const scriptOf = (name: string): string =>
  fileURLToPath(new URL(`confluent/${name}.py`, import.meta.url))
const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '')

interface Event {
  readonly name?: string
  readonly value?: string
  readonly partitions?: readonly { readonly partition: number }[]
}

/** What a VerifiableConsumer has told so far. */
class Told {
  readonly owned = new Set<number>()
  readonly values = new Set<string>()
  revoked = 0

  constructor({ stdout }: ToolProcess) {
    for (const line of lines(stdout)) {
      if (!line.startsWith('{') || !line.endsWith('}')) continue
      const { name, value, partitions = [] } = JSON.parse(line) as Event
      if (name === 'record_data') this.values.add(value ?? '')
      if (name === 'partitions_assigned')
        for (const row of partitions) this.owned.add(row.partition)
      if (name !== 'partitions_revoked') continue
      for (const row of partitions) this.owned.delete(row.partition)
      this.revoked += partitions.length
    }
  }
}

function startMember(on: ClientTest, topic: string, groupId: string, more = ''): ToolProcess {
  const args = `--bootstrap-server ${on.address} --topic ${topic} --group-id ${groupId} --group-protocol CONSUMER --verbose ${more}`
  return startJava(on.tool, `${tools}.VerifiableConsumer`, args, { limitMs: 170_000 })
}

async function fill(on: ClientTest, topic: string, from: number, count: number): Promise<void> {
  await using producer = await createProducer({ brokers: [on.address], clientId: 'load' })
  await producer.send(
    Array.from({ length: count }, (_, n) => ({
      topic,
      key: String(from + n),
      value: String(from + n),
    })),
  )
}

async function aMemberIsKilled(on: ClientTest): Promise<void> {
  const topic = await on.topic(4)
  const groupId = on.unique('g')
  await fill(on, topic, 0, 1_000)
  await using first = startMember(on, topic, groupId)
  await using second = startMember(on, topic, groupId, '--group-remote-assignor range')
  const sizes = (): readonly number[] => [first, second].map((one) => new Told(one).owned.size)
  await patiently('they share', () => sizes().join() === '2,2')
  await fill(on, topic, 1_000, 1_000)
  await patiently('both read', () => new Told(second).values.size > 0)
  await second.kill()
  await patiently('one has all', () => new Told(first).owned.size === 4)
  await fill(on, topic, 2_000, 1_000)
  const read = (): number => new Set([...new Told(first).values, ...new Told(second).values]).size
  await patiently('all is read', () => read() === 3_000)
}

async function staticMembers(on: ClientTest): Promise<void> {
  const topic = await on.topic(4)
  const groupId = on.unique('g')
  const start = (id: string) => startMember(on, topic, groupId, `--group-instance-id ${id}`)
  await using stays = start('stays')
  await using leaves = start('restarts')
  const isShared = (): boolean => [stays, leaves].every((one) => new Told(one).owned.size === 2)
  await patiently('they share', isShared)
  const [had, revoked] = [new Told(leaves).owned, new Told(stays).revoked]
  leaves.signal('SIGTERM')
  await leaves.exited
  await using back = start('restarts')
  await patiently('it is back', () => new Told(back).owned.size === 2)
  assert.deepEqual(new Told(back).owned, had)
  assert.equal(new Told(stays).revoked, revoked, 'the other one is not disturbed')
}

async function commands(on: ClientTest): Promise<void> {
  const topic = await on.topic(2)
  const groupId = on.unique('console')
  await fill(on, topic, 0, 50)
  await using java = new JavaCommands(on.tool, 170_000)
  const read = await java.ok(
    `${tools}.consumer.ConsoleConsumer`,
    `--bootstrap-server ${on.address} --topic ${topic} --group ${groupId} --max-messages 50 --timeout-ms 60000
     --consumer-property group.protocol=consumer --consumer-property auto.offset.reset=earliest`,
  )
  assert.equal(lines(read).filter((line) => /^\d+$/.test(line)).length, 50)
  const groups = (args: string) =>
    java.ok(
      `${tools}.consumer.group.ConsumerGroupCommand`,
      `--bootstrap-server ${on.address} ${args}`,
    )
  assert.match(await groups(`--describe --group ${groupId} --state`), /Empty/)
  assert.match(await groups('--list --type consumer'), new RegExp(groupId))
  assert.doesNotMatch(await groups('--list --type classic'), new RegExp(groupId))
  await using member = startMember(on, topic, groupId)
  await patiently('it is a member', () => new Told(member).owned.size === 2)
  const told = await groups(`--describe --group ${groupId} --members --verbose`)
  assert.match(told, new RegExp(`${topic}(:0,1|\\(0,1\\))`))
  assert.match(await groups(`--describe --group ${groupId} --state --verbose`), /Stable/)
  const refused = await java.run(
    `${tools}.consumer.group.ConsumerGroupCommand`,
    `--bootstrap-server ${on.address} --delete --group ${groupId}`,
  )
  assert.match(refused.output, /GroupNotEmptyException|not empty/)
  member.signal('SIGTERM')
  await member.exited
  await groups(`--delete --group ${groupId}`)
  assert.doesNotMatch(await groups('--list'), new RegExp(groupId))
}

/** What a member of librdkafka has told so far. */
function tellOf({ stdout }: ToolProcess): {
  readonly owned: Set<number>
  readonly values: Set<string>
} {
  const owned = new Set<number>()
  const values = new Set<string>()
  for (const line of stdout.split('\n').slice(0, -1)) {
    const [what, ...rest] = line.split(' ')
    if (what === 'read') values.add(String(rest[1]))
    for (const partition of what === 'read' ? [] : rest.map(Number))
      if (what === 'assigned') owned.add(partition)
      else owned.delete(partition)
  }
  return { owned, values }
}

async function oursWithTheirs(on: ClientTest): Promise<void> {
  const topic = await on.topic(6)
  const groupId = on.unique('mixed')
  const values = new Set<string>()
  await using ours = await createConsumer({
    brokers: [on.address],
    clientId: 'ours',
    groupId,
    groupProtocol: 'consumer',
    topics: [topic],
  })
  const loop = (async () => {
    for await (const batch of ours) {
      for (let index = 0; index < batch.length; index++) values.add(String(batch.value(index)))
      const { partition, nextOffset: offset } = batch
      await ours.commit([{ topic, partition, offset }])
    }
  })()
  await patiently('ours has all', () => ours.assignment().length === 6)
  const start = () =>
    ToolProcess.start(on.tool, [scriptOf('member'), on.address, topic, groupId, 'consumer'])
  await using one = start()
  await using two = start()
  const sizes = (): string =>
    [ours.assignment().length, tellOf(one).owned.size, tellOf(two).owned.size].join()
  await patiently('all three share', () => sizes() === '2,2,2')
  await fill(on, topic, 0, 600)
  await patiently('each reads', () => tellOf(one).values.size > 0 && tellOf(two).values.size > 0)
  await one.kill()
  two.closeInput()
  await two.ends()
  await patiently('ours has all again', () => ours.assignment().length === 6)
  await fill(on, topic, 600, 300)
  await patiently('all is read', () => {
    const all = new Set([...values, ...tellOf(one).values, ...tellOf(two).values])
    return all.size === 900
  })
  await ours.close()
  await loop
}

await clientSuite(
  javaClient('Java clients 4.1.1, group.protocol=consumer', apacheKafkaJars('4.1.1')),
  (suite) => {
    suite.test('VerifiableConsumer: one of two is killed, the other reads on', aMemberIsKilled)
    suite.test('VerifiableConsumer: a static member comes back', staticMembers)
    suite.test('console consumer; kafka-consumer-groups lists, describes and deletes', commands)
  },
)

await clientSuite(confluentKafka, (suite) => {
  suite.test('KIP-848: members come and go, patterns, static members', async (on) => {
    const output = await runTool(on.tool, [scriptOf('kip848'), on.address, on.unique('k')], {
      limitMs: 170_000,
    })
    assert.deepEqual(lines(output), ['members', 'patterns', 'static'])
  })
  suite.test('KIP-848: ours and two of librdkafka in one group, one of them killed', oursWithTheirs)
})
