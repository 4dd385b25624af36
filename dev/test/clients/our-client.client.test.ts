import assert from 'node:assert/strict'
import { createConsumer, createProducer, createTransactionalProducer } from '@millrace/kafka'
import { clientSuite, installedPackage, kcat, type ClientTest } from './client-suite.ts'
import { patiently, runTool, ToolProcess } from './tool-process.ts'

/** Our own client beside others: what one writes the other reads, also in one group and inside transactions. */

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '')
const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, n) => String(from + n))

/** A consumer that notes what it reads and commits it, until it is closed. */
async function noteAll(on: ClientTest, topic: string, groupId: string) {
  const consumer = await createConsumer({
    brokers: [on.address],
    clientId: 'ours',
    groupId,
    topics: [topic],
    sessionTimeoutMs: 10_000,
    heartbeatIntervalMs: 500,
  })
  const values: string[] = []
  const done = (async () => {
    for await (const batch of consumer) {
      for (const record of batch.records) values.push(String(record.value))
      const offset = batch.records.at(-1)!.offset + 1n
      await consumer.commit([{ topic: batch.topic, partition: batch.partition, offset }])
    }
  })()
  return {
    values,
    consumer,
    async [Symbol.asyncDispose]() {
      await consumer.close()
      await done
    },
  }
}

await clientSuite(kcat, (suite) => {
  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)
    suite.test(`${codec}: kcat reads what we write, and we read what kcat writes`, async (on) => {
      const topic = await on.topic()
      const text = (n: string): string => `${n} ${'z'.repeat(50)}`
      const brokers = [on.address]
      await using producer = await createProducer({ brokers, clientId: 'ours', compression: codec })
      await producer.send(numbered(0, 200).map((n) => ({ topic, key: n, value: text(n) })))
      await runTool(on.tool, ['-b', on.address, '-P', '-t', topic, '-z', codec], {
        input: numbered(200, 400)
          .map((n) => `${text(n)}\n`)
          .join(''),
      })
      const read = await runTool(on.tool, ['-b', on.address, '-C', '-t', topic, '-e', '-q'])
      assert.deepEqual(lines(read), numbered(0, 400).map(text))
      await using reader = await noteAll(on, topic, on.unique('g'))
      await patiently('all are read', () => reader.values.length >= 400)
      assert.deepEqual(reader.values, numbered(0, 400).map(text))
    })

  suite.test(
    'one group of our consumer and kcat: both get a share, each record once',
    async (on) => {
      const topic = await on.topic(4)
      const groupId = on.unique('mixed')
      await using ours = await noteAll(on, topic, groupId)
      await patiently('we have all', () => ours.consumer.assignment().length === 4)
      const settings = [
        'auto.offset.reset=earliest',
        'partition.assignment.strategy=range',
        'auto.commit.interval.ms=100',
      ].flatMap((setting) => ['-X', setting])
      await using theirs = ToolProcess.start(
        on.tool,
        ['-b', on.address, '-G', groupId, topic, '-u', '-q', ...settings],
        { input: '' },
      )
      await patiently('we share', () => ours.consumer.assignment().length === 2)
      await using producer = await createProducer({ brokers: [on.address], clientId: 'ours' })
      await producer.send(
        numbered(0, 400).map((value) => ({
          topic,
          key: null,
          value,
          partition: Number(value) % 4,
        })),
      )
      const all = (): string[] => [...ours.values, ...lines(theirs.stdout)]
      await patiently('all are read', () => all().length >= 400)
      assert.deepEqual(
        all().toSorted((a, b) => Number(a) - Number(b)),
        numbered(0, 400),
      )
      assert.equal(ours.values.length, 200)
    },
  )
})

await clientSuite(installedPackage('@millrace/kafka'), (suite) => {
  suite.test(
    'transactions over three partitions with offsets: all or nothing, over a kill of the broker',
    async (on) => {
      const [input, output, groupId] = [await on.topic(1), await on.topic(3), on.unique('g')]
      const options = { brokers: [on.address], clientId: 'ours' }
      await using producer = await createTransactionalProducer({
        ...options,
        transactionalId: on.unique('x'),
      })
      const offsets = (n: number) => [{ topic: input, partition: 0, offset: BigInt(n) }]
      const group = { groupId, generationId: -1, memberId: '' }
      const transact = async (n: number, isCommitted: boolean): Promise<void> => {
        await producer.begin()
        const value = `${n} ${isCommitted}`
        await producer.send(
          [0, 1, 2].map((partition) => ({ topic: output, partition, key: null, value })),
        )
        await producer.sendOffsets(offsets(n), group)
        await (isCommitted ? producer.commit() : producer.abort())
      }
      for (let n = 1; n <= 20; n++) await transact(n, n % 3 !== 0)
      await on.kafka.kill()
      await on.kafka.restart()
      for (let n = 21; n <= 40; n++) await transact(n, n % 3 !== 0)
      const expected = Array.from({ length: 40 }, (_, n) => n + 1)
        .filter((n) => n % 3 !== 0)
        .flatMap((n) => Array.from({ length: 3 }, () => `${n} true`))
      await using reader = await noteAll(on, output, on.unique('g'))
      await patiently('all are read', () => reader.values.length >= expected.length)
      assert.deepEqual(reader.values.toSorted(), expected.toSorted())
    },
  )
})
