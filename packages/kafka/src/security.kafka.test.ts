/** TLS and SASL against Apache Kafka: the embedded broker's listeners are plain. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { noopMeter, systemClock, type Meter } from '@millrace/core'
import { kafkaBackends, startApacheKafka, type ApacheKafka } from '@millrace/testkit'
import { createTopic, readAll, textOf, uniqueName } from '../test/fixtures.ts'
import {
  createAdmin,
  createConsumer,
  createProducer,
  createTransactionalProducer,
  KafkaError,
  type KafkaOptions,
  type SaslOptions,
} from './index.ts'

const password = 'spring-water'
const isApacheWanted = (await kafkaBackends()).some(({ name }) => name === 'Apache Kafka')
const refused = { code: 'MR_KAFKA_AUTHENTICATION_FAILED', retryable: false }

describe('TLS and SASL on Apache Kafka', { skip: !isApacheWanted }, () => {
  let kafka: ApacheKafka
  before(async () => {
    const started = await startApacheKafka({
      users: { alice: password },
      properties: { 'connections.max.reauth.ms': '3000' },
    })
    assert.ok(started)
    kafka = started
  })
  after(() => kafka.stop())

  const optionsFor = (
    mechanism: SaslOptions['mechanism'],
    over: Partial<KafkaOptions> = {},
  ): KafkaOptions => ({
    brokers: kafka.secure?.brokers ?? [],
    clientId: 'security-test',
    tls: { ca: kafka.secure?.ca ?? '' },
    sasl: { mechanism, username: 'alice', password },
    ...over,
  })

  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    test(`${mechanism} over TLS: admin, producer and consumer work`, async () => {
      const options = optionsFor(mechanism)
      const topic = await createTopic(options, 1)
      await using producer = await createProducer(options)
      await producer.send([{ topic, key: null, value: 'x' }])
      const [stored] = await readAll(options, topic)
      assert.deepEqual(stored?.map(textOf), ['x'])
    })

    test(`${mechanism}: a wrong password is refused at once, by every client`, async () => {
      const sasl = { mechanism, username: 'alice', password: 'wrong' }
      const options = optionsFor(mechanism, { sasl })
      const startMs = systemClock.monotonicMs()
      await using producer = await createProducer(options)
      await assert.rejects(producer.send([{ topic: 'any', key: null, value: 'x' }]), refused)
      await using transactional = await createTransactionalProducer({
        ...options,
        transactionalId: uniqueName('txn'),
      })
      await assert.rejects(transactional.begin(), refused)
      await using admin = await createAdmin(options)
      await assert.rejects(admin.listTopics(), refused)
      await using consumer = await createConsumer({ ...options, groupId: 'g', topics: ['any'] })
      await assert.rejects(consumer[Symbol.asyncIterator]().next(), refused)
      // Far below every time-out of a retry; the broker itself holds the answer back for a moment.
      assert.ok(systemClock.monotonicMs() - startMs < 20_000)
    })
  }

  test('a certificate of an unknown authority, or of another name, is refused at once', async () => {
    for (const tls of [true, { ca: kafka.secure?.ca ?? '', serverName: 'elsewhere.example' }]) {
      await using admin = await createAdmin(optionsFor('PLAIN', { tls }))
      await assert.rejects(admin.listTopics(), refused)
    }
  })

  test('sessions that the broker limits are renewed while requests go on', async () => {
    const options = optionsFor('SCRAM-SHA-256')
    const topic = await createTopic(options, 1)
    let reconnects = 0
    const meter: Meter = {
      ...noopMeter,
      counter: ({ name }) => ({
        add: () => void (reconnects += name === 'mr_kafka_reconnects_total' ? 1 : 0),
      }),
    }
    await using producer = await createProducer({ ...options, meter })
    const endMs = systemClock.monotonicMs() + 8_000 // Beyond two sessions of 3 s.
    let sent = 0
    while (systemClock.monotonicMs() < endMs) {
      await producer.send([{ topic, key: null, value: String(sent++) }])
      await systemClock.sleep(5)
    }
    const [stored] = await readAll(options, topic)
    assert.deepEqual(
      stored?.map(textOf),
      Array.from({ length: sent }, (_, number) => String(number)),
    )
    assert.equal(reconnects, 0)
  })

  test('settings that cannot be right are refused when the client is made', async () => {
    const sasl = { mechanism: 'MD5', username: 'a', password: 'b' } as unknown as SaslOptions
    await assert.rejects(createAdmin(optionsFor('PLAIN', { sasl })), (error) => {
      assert.ok(error instanceof KafkaError)
      return error.code === 'MR_KAFKA_BAD_OPTION'
    })
  })
})
