import assert from 'node:assert/strict'
import { createProducer } from '@millrace/kafka'
import { apacheKafkaJars } from '@millrace/testkit'
import { clientSuite, javaClient, type ClientTest } from './client-suite.ts'
import { runJava, startJava } from './java-program.ts'
import { patiently } from './tool-process.ts'

/** The programs that Apache Kafka's own system tests drive, with the clients of the last 3.x and of 4.1. */

const tools = 'org.apache.kafka.tools'

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '')

/** What the verifiable programs print: one JSON object per line. */
function events(text: string): Readonly<Record<string, unknown>>[] {
  return lines(text)
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
}

async function aMemberIsKilled(on: ClientTest): Promise<void> {
  const topic = await on.topic(4)
  const server = `--bootstrap-server ${on.address} --topic ${topic}`
  const assignor = 'org.apache.kafka.clients.consumer.CooperativeStickyAssignor'
  const member = `${server} --group-id ${on.unique('g')} --session-timeout 10000 --verbose --assignment-strategy ${assignor}`
  const consumer = () => startJava(on.tool, `${tools}.VerifiableConsumer`, member)
  await using first = consumer()
  await using second = consumer()
  for (const one of [first, second]) await one.says(/"partitions_assigned","partitions":\[\{/)
  await using producer = startJava(
    on.tool,
    `${tools}.VerifiableProducer`,
    // With keys: without, Java stays on one partition for 16 KB, here 1,300 records, so one of the two might get none.
    `${server} --throughput 1000 --max-messages 5000 --repeating-keys 40`,
  )
  for (const one of [first, second]) await one.says('records_consumed')
  await second.kill()
  const acknowledged = events((await producer.ends()).stdout)
    .filter(({ name }) => name === 'producer_send_success')
    .map(({ value }) => value)
  assert.equal(acknowledged.length, 5_000)
  const read = (): Set<unknown> =>
    new Set(
      [...events(first.stdout), ...events(second.stdout)]
        .filter(({ name }) => name === 'record_data')
        .map(({ value }) => value),
    )
  await patiently('every acknowledged record is read', () => read().size >= 5_000)
  assert.deepEqual(read(), new Set(acknowledged))
}

async function copiedExactlyOnce(on: ClientTest): Promise<void> {
  const [input, output] = [await on.topic(2), await on.topic(2)]
  const count = 6_000
  await runJava(
    on.tool,
    `${tools}.VerifiableProducer`,
    `--bootstrap-server ${on.address} --topic ${input} --max-messages ${count}`,
  )
  const groupId = on.unique('g')
  const names = [on.unique('copier'), on.unique('copier')] as const
  const copier = (partition: 0 | 1) =>
    startJava(
      on.tool,
      `${tools}.TransactionalMessageCopier`,
      `--broker-list ${on.address} --input-topic ${input} --input-partition ${partition} --output-topic ${output}
       --consumer-group ${groupId} --transactional-id ${names[partition]} --transaction-size 50 --transaction-timeout 10000
       --enable-random-aborts --group-mode --use-group-metadata`,
    )
  await using first = copier(0)
  await using second = copier(1)
  await first.says('ProcessLoop')
  await first.kill()
  await using third = copier(0)
  // In group mode each ends when its partitions, whichever they are, are read to the end.
  await Promise.all([second.ends(), third.ends()])
  await expectOnceEach(on, output, count)
}

/** Reads committed records up to an end mark in each partition: with one record too many, a mark or a number would be missing. */
async function expectOnceEach(on: ClientTest, topic: string, count: number): Promise<void> {
  await using producer = await createProducer({ brokers: [on.address], clientId: 'end-marks' })
  const marks = [0, 1].map((partition) => ({ topic, partition, key: null, value: '-1' }))
  await producer.send(marks)
  const read = await runJava(
    on.tool,
    `${tools}.consumer.ConsoleConsumer`,
    `--bootstrap-server ${on.address} --topic ${topic} --from-beginning --isolation-level read_committed
     --max-messages ${count + marks.length} --timeout-ms 60000`,
  )
  const times = new Map<number, number>()
  for (const value of lines(read).map(Number)) times.set(value, (times.get(value) ?? 0) + 1)
  const numbers = Array.from({ length: count }, (_, n) => n)
  const missing = numbers.filter((n) => !times.has(n))
  const double = numbers.filter((n) => (times.get(n) ?? 0) > 1)
  const some = (list: readonly number[]): string => `${list.length} (${list.slice(0, 10).join()})`
  assert.deepEqual(
    { missing: some(missing), double: some(double), marks: times.get(-1) },
    { missing: '0 ()', double: '0 ()', marks: marks.length },
  )
}

async function bulkLoad(on: ClientTest): Promise<void> {
  const topic = await on.topic(3)
  const load = (more: string) =>
    runJava(
      on.tool,
      `${tools}.ProducerPerformance`,
      `--topic ${topic} --num-records 20000 --record-size 200 --throughput -1 ${more}
       --producer-props bootstrap.servers=${on.address} acks=all compression.type=lz4`,
    )
  assert.match(await load(''), /^20000 records sent/m)
  const transactional = `--transactional-id ${on.unique('perf')} --transaction-duration-ms 100`
  assert.match(await load(transactional), /^20000 records sent/m)
  const read = await runJava(
    on.tool,
    `${tools}.ConsumerPerformance`,
    `--bootstrap-server ${on.address} --topic ${topic} --messages 40000 --timeout 60000 --hide-header`,
  )
  assert.equal(Number(lines(read).at(-1)?.split(', ')[4]), 40_000)
}

for (const version of ['4.1.1', '3.9.1'])
  await clientSuite(javaClient(`Java clients ${version}`, apacheKafkaJars(version)), (suite) => {
    suite.test(
      'VerifiableProducer and VerifiableConsumer: a group of two, one of which is killed',
      aMemberIsKilled,
    )
    suite.test(
      'TransactionalMessageCopier with random aborts, one of two killed and started again: exactly once',
      copiedExactlyOnce,
    )
    suite.test('ProducerPerformance and ConsumerPerformance, also with transactions', bulkLoad)
  })
