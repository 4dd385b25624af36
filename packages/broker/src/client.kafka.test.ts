import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import {
  Admin,
  Consumer,
  Producer,
  ProduceAcks,
  stringDeserializers,
  stringSerializers,
  type Message,
  type MessagesStream,
} from '@platformatic/kafka'
import { testBroker, type TestBroker } from '../test/broker.ts'

/** The client that the house uses, as it comes, against the broker. */
type TextMessage = Message<string, string, string, string>

async function withAdmin<T>(broker: TestBroker, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Admin({ clientId: 'admin', bootstrapBrokers: [`127.0.0.1:${broker.port}`] })
  try {
    return await work(admin)
  } finally {
    await admin.close()
  }
}

function newProducer(broker: TestBroker) {
  return new Producer({
    clientId: 'producer',
    bootstrapBrokers: [`127.0.0.1:${broker.port}`],
    serializers: stringSerializers,
    idempotent: true,
    retries: 20,
    retryDelay: 50,
  })
}

async function send(broker: TestBroker, topic: string, values: readonly string[]): Promise<void> {
  const producer = newProducer(broker)
  try {
    const messages = values.map((value) => ({ topic, key: value, value }))
    await producer.send({ messages, acks: ProduceAcks.ALL })
  } finally {
    await producer.close()
  }
}

/** A member of a group that notes what it reads and commits each record. */
class Reader {
  readonly values: string[] = []
  readonly #commits: Promise<void>[] = []
  readonly #consumer: Consumer<string, string, string, string>
  #stream: MessagesStream<string, string, string, string> | undefined

  constructor(broker: TestBroker, groupId: string) {
    this.#consumer = new Consumer({
      clientId: 'consumer',
      groupId,
      bootstrapBrokers: [`127.0.0.1:${broker.port}`],
      deserializers: stringDeserializers,
      sessionTimeout: 30_000,
      heartbeatInterval: 200,
      retries: 20,
      retryDelay: 50,
    })
  }

  get partitions(): number {
    return this.#consumer.assignments?.flatMap(({ partitions }) => partitions).length ?? 0
  }

  async start(topic: string): Promise<this> {
    this.#stream = await this.#consumer.consume({
      topics: [topic],
      mode: 'committed',
      fallbackMode: 'earliest',
      autocommit: false,
      maxWaitTime: 200,
    })
    this.#stream.on('data', (message: TextMessage) => {
      this.values.push(message.value)
      this.#commits.push(Promise.resolve(message.commit()))
    })
    return this
  }

  async stop(): Promise<void> {
    await Promise.all(this.#commits)
    await this.#stream?.close()
    await this.#consumer.close(true)
  }
}

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, n) => String(from + n))

test('platformatic: topics are created, described and deleted', async () => {
  await using broker = await testBroker()
  await withAdmin(broker, async (admin) => {
    await admin.createTopics({ topics: ['a.topic'], partitions: 3, replicas: 1 })
    assert.deepEqual(await admin.listTopics(), ['a.topic'])
    const metadata = await admin.metadata({ topics: ['a.topic'] })
    assert.equal(metadata.topics.get('a.topic')?.partitionsCount, 3)
    await admin.deleteTopics({ topics: ['a.topic'] })
    assert.deepEqual(await admin.listTopics(), [])
  })
})

test('platformatic: an idempotent producer and a group, over a restart of the broker', async () => {
  await using broker = await testBroker({ topics: [{ name: 't', partitions: 3 }] })
  await send(broker, 't', numbers(0, 100))
  const first = await new Reader(broker, 'g').start('t')
  await eventually('the first hundred', () => first.values.length === 100)
  await first.stop()
  await broker.restart()
  await send(broker, 't', numbers(100, 150))
  const second = await new Reader(broker, 'g').start('t')
  await eventually('the rest', () => second.values.length >= 50)
  await second.stop()
  assert.deepEqual(
    [...first.values, ...second.values].map(Number).toSorted((a, b) => a - b),
    numbers(0, 150).map(Number),
    'each once: committed offsets survived the restart',
  )
})

test('platformatic: two members share the partitions, and one takes over when the other leaves', async () => {
  await using broker = await testBroker({ topics: [{ name: 't', partitions: 4 }] })
  const first = await new Reader(broker, 'g').start('t')
  assert.equal(first.partitions, 4)
  const second = await new Reader(broker, 'g').start('t')
  await eventually('two each', () => first.partitions === 2 && second.partitions === 2)
  await send(broker, 't', numbers(0, 200))
  const distinct = () => new Set([...first.values, ...second.values])
  await eventually('all read', () => distinct().size === 200)
  assert.ok(first.values.length > 0 && second.values.length > 0)
  await second.stop()
  await eventually('the first has all again', () => first.partitions === 4)
  await send(broker, 't', numbers(200, 250))
  await eventually('the rest', () => distinct().size === 250)
  await first.stop()
})

test('platformatic: records of a key stay in order', async () => {
  await using broker = await testBroker({ topics: [{ name: 't', partitions: 3 }] })
  const producer = newProducer(broker)
  await Promise.all(
    numbers(0, 50).map((value) =>
      producer.send({ messages: [{ topic: 't', key: 'same', value }], acks: ProduceAcks.ALL }),
    ),
  )
  await producer.close()
  const reader = await new Reader(broker, 'g').start('t')
  await eventually('all read', () => reader.values.length === 50)
  await reader.stop()
  assert.deepEqual(reader.values, numbers(0, 50))
})
