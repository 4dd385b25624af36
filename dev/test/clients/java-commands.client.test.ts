import assert from 'node:assert/strict'
import { apacheKafkaJars } from '@millrace/testkit'
import { clientSuite, javaClient, type ClientTest } from './client-suite.ts'
import { JavaCommands } from './java-program.ts'
import { patiently } from './tool-process.ts'

/** The classes behind Kafka's `kafka-*` shell commands, of the last 3.x and of 4.1. */

const tools = 'org.apache.kafka.tools'
const consoleConsumer = `${tools}.consumer.ConsoleConsumer`

/** Some were Scala classes before 4.0. */
const olderNames: Readonly<Record<string, string>> = {
  [`${tools}.ConsoleProducer`]: 'kafka.tools.ConsoleProducer',
  [`${tools}.BrokerApiVersionsCommand`]: 'kafka.admin.BrokerApiVersionsCommand',
  [`${tools}.AclCommand`]: 'kafka.admin.AclCommand',
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '')

/** The commands, told where the broker is. */
class Shell {
  readonly on: ClientTest
  readonly #commands: JavaCommands
  readonly #isOld: boolean

  constructor(on: ClientTest, commands: JavaCommands, isOld: boolean) {
    this.on = on
    this.#commands = commands
    this.#isOld = isOld
  }

  /** The server goes last, but for commands with verbs, which want it before the verb: `@ verb`. */
  run(name: string, args: string, input = '') {
    const className = this.#isOld ? (olderNames[name] ?? name) : name
    const server = `--bootstrap-server ${this.on.address}`
    const all = args.startsWith('@') ? args.replace('@', server) : `${args} ${server}`
    return this.#commands.run(className, all, input)
  }

  async ok(name: string, args: string, input = ''): Promise<string> {
    const { code, output } = await this.run(name, args, input)
    assert.equal(code, 0, `${name} ${args} ended with ${code}:\n${output}`)
    return output
  }
}

async function topicsAndConsole(shell: Shell): Promise<void> {
  const topic = shell.on.unique('console')
  const topics = (args: string) => shell.ok(`${tools}.TopicCommand`, args)
  await topics(`--create --topic ${topic} --partitions 2 --config retention.ms=123456789`)
  await patiently('it is listed', async () => lines(await topics('--list')).includes(topic))
  const again = await shell.run(`${tools}.TopicCommand`, `--create --topic ${topic}`)
  assert.equal(again.code, 1)
  assert.match(again.output, /already exists/)
  await topics(`--alter --topic ${topic} --partitions 3`)
  await patiently('it has three partitions', async () =>
    /PartitionCount: ?3\b.*retention\.ms=123456789/.test(
      await topics(`--describe --topic ${topic}`),
    ),
  )
  const records = Array.from({ length: 50 }, (_, n) => `k${n}:v${n}`)
  const format = (kind: string) => `--property ${kind}.key=true --property key.separator=:`
  await shell.ok(
    `${tools}.ConsoleProducer`,
    `--topic ${topic} ${format('parse')}`,
    records.map((record) => `${record}\n`).join(''),
  )
  const read = await shell.ok(
    consoleConsumer,
    `--topic ${topic} --from-beginning --max-messages 50 --timeout-ms 60000 ${format('print')}`,
  )
  const found = lines(read).filter((line) => /^k\d+:/.test(line))
  assert.deepEqual(found.toSorted(), records.toSorted())
  await topics(`--delete --topic ${topic}`)
  await patiently('it is gone', async () => !lines(await topics('--list')).includes(topic))
}

/** A topic of `count` records. */
async function filledTopic(shell: Shell, partitions: number, count: number): Promise<string> {
  const topic = await shell.on.topic(partitions)
  const records = Array.from({ length: count }, (_, n) => `${n}\n`).join('')
  await shell.ok(`${tools}.ConsoleProducer`, `--topic ${topic}`, records)
  return topic
}

async function groups(shell: Shell): Promise<void> {
  const topic = await filledTopic(shell, 1, 20)
  const group = shell.on.unique('described')
  await shell.ok(
    consoleConsumer,
    `--topic ${topic} --from-beginning --group ${group} --max-messages 20 --timeout-ms 60000`,
  )
  const command = (args: string) => shell.ok(`${tools}.consumer.group.ConsumerGroupCommand`, args)
  assert.ok(lines(await command('--list')).includes(group))
  const rowOf = async (): Promise<readonly string[] | undefined> =>
    lines(await command(`--describe --group ${group}`))
      .find((line) => line.startsWith(group))
      ?.split(/\s+/)
      .slice(1, 6)
  assert.deepEqual(await rowOf(), [topic, '0', '20', '20', '0'])
  assert.match(await command(`--describe --group ${group} --state`), /Empty/)
  await command(`--reset-offsets --group ${group} --topic ${topic} --to-offset 5 --execute`)
  assert.deepEqual(await rowOf(), [topic, '0', '5', '20', '15'])
  await command(`--delete-offsets --group ${group} --topic ${topic}`)
  await command(`--delete --group ${group}`)
  assert.ok(!lines(await command('--list')).includes(group))
}

async function settings(shell: Shell): Promise<void> {
  const topic = await shell.on.topic(1)
  const command = (args: string) => shell.ok('kafka.admin.ConfigCommand', args)
  const ofTopic = (args: string) => command(`--entity-type topics --entity-name ${topic} ${args}`)
  await ofTopic('--alter --add-config cleanup.policy=compact,segment.bytes=2097152')
  await patiently('both are told', async () => {
    const told = await ofTopic('--describe')
    return told.includes('cleanup.policy=compact') && told.includes('segment.bytes=2097152')
  })
  await ofTopic('--alter --delete-config segment.bytes')
  await patiently('one is gone', async () => {
    const told = await ofTopic('--describe')
    return told.includes('cleanup.policy=compact') && !told.includes('segment.bytes=')
  })
  assert.match(await ofTopic('--describe --all'), /min\.cleanable\.dirty\.ratio=0\.5/)
  const broker = await command('--entity-type brokers --entity-name 1 --describe --all')
  assert.match(broker, /num\.partitions=/)
}

async function theRest(shell: Shell): Promise<void> {
  const topic = await filledTopic(shell, 2, 30)
  const total = async (time: string): Promise<number> => {
    const told = await shell.ok(`${tools}.GetOffsetShell`, `--topic ${topic} --time ${time}`)
    const offsets = lines(told).map((line) => Number(line.split(':')[2]))
    assert.ok(offsets.every(Number.isInteger), told)
    return offsets.reduce((sum, offset) => sum + offset, 0)
  }
  assert.equal(await total('latest'), 30)
  assert.equal(await total('earliest'), 0)
  assert.match(
    await shell.ok(`${tools}.LogDirsCommand`, `--describe --topic-list ${topic}`),
    new RegExp(`"partition":"${topic}-[01]","size":[1-9]`),
  )
  assert.match(await shell.ok(`${tools}.ClusterTool`, 'cluster-id'), /Cluster ID: \S/)
  assert.match(await shell.ok(`${tools}.BrokerApiVersionsCommand`, ''), /Produce\(0\): 0 to/)
  await shell.ok(`${tools}.FeatureCommand`, '@ describe')
  await shell.ok(`${tools}.TransactionsCommand`, '@ list')
  const rights = await shell.run(`${tools}.AclCommand`, '--list')
  assert.match(rights.output, /No Authorizer is configured|SecurityDisabledException/)
  const supported =
    'offsets-for-times cluster-id create-topics describe-acls describe-configs idempotent-producer'
      .split(' ')
      .map((name) => `--${name}-supported True`)
  const expected = '--expect-record-too-large-exception False --num-cluster-nodes 1'
  assert.match(
    await shell.ok(
      `${tools}.ClientCompatibilityTest`,
      `--topic ${await shell.on.topic(1)} ${expected} ${supported.join(' ')}`,
    ),
    /SUCCESS/,
  )
}

for (const version of ['4.1.1', '3.9.1'])
  await clientSuite(javaClient(`kafka-* ${version}`, apacheKafkaJars(version)), (suite) => {
    const test = (name: string, body: (shell: Shell) => Promise<void>): void =>
      suite.test(name, async (on) => {
        await using commands = new JavaCommands(on.tool, 170_000)
        await body(new Shell(on, commands, version.startsWith('3')))
      })
    test('topics, console producer and consumer', topicsAndConsole)
    test('groups: list, describe, reset and delete', groups)
    test('settings of topics and brokers', settings)
    test(
      'offsets, log directories, cluster, versions, features, transactions, access rules',
      theRest,
    )
  })
