/** TLS and SASL, on the embedded broker and on Apache Kafka. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startBroker } from '@millrace/broker'
import { noopMeter, systemClock, type Meter } from '@millrace/core'
import { kafkaBackends, makeCertificates, startApacheKafka } from '@millrace/testkit'
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
/** A comma, an equals sign and letters beyond ASCII: what SCRAM escapes, and what SASLprep would change. */
const oddUser = { name: 'b=o,b,\u00c5=', password: 'p\u00e4ss,=\u212b' } as const
/** Clients renew theirs at four fifths of it: what is left is for a machine that is busy. */
const sessionMs = 8_000
const refused = { code: 'MR_KAFKA_AUTHENTICATION_FAILED', retryable: false }

interface SecureKafka {
  readonly brokers: readonly string[]
  readonly ca: string
  stop(): Promise<void>
}

interface SecureBackend {
  readonly name: string
  readonly skip: string | false
  start(): Promise<SecureKafka>
}

const certificates = makeCertificates()
const backends = (await kafkaBackends()).map(({ name }): SecureBackend =>
  name === 'Apache Kafka'
    ? { name, skip: false, start: startApache }
    : { name, skip: certificates ? false : 'openssl is not installed', start: startEmbedded },
)

async function startEmbedded(): Promise<SecureKafka> {
  assert.ok(certificates)
  const dir = await mkdtemp(join(tmpdir(), 'millrace-security-'))
  const broker = await startBroker({
    dir,
    security: {
      tls: certificates.broker,
      sasl: { users: [{ name: 'alice', password }, oddUser], maxReauthMs: sessionMs },
    },
  })
  return {
    brokers: [`127.0.0.1:${broker.port}`],
    ca: certificates.ca,
    stop: async () => {
      await broker.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function startApache(): Promise<SecureKafka> {
  const kafka = await startApacheKafka({
    users: { alice: password },
    properties: { 'connections.max.reauth.ms': String(sessionMs) },
  })
  assert.ok(kafka?.secure)
  const { brokers, ca } = kafka.secure
  return { brokers, ca, stop: () => kafka.stop() }
}

for (const backend of backends)
  describe(`TLS and SASL on ${backend.name}`, { skip: backend.skip }, () => {
    let kafka: SecureKafka
    before(async () => {
      kafka = await backend.start()
    })
    after(() => kafka.stop())

    const optionsFor = (
      mechanism: SaslOptions['mechanism'],
      over: Partial<KafkaOptions> = {},
    ): KafkaOptions => ({
      brokers: kafka.brokers,
      clientId: 'security-test',
      tls: { ca: kafka.ca },
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
        assert.ok(systemClock.monotonicMs() - startMs < 60_000)
      })
    }

    test('a certificate of an unknown authority, or of another name, is refused at once', async () => {
      for (const tls of [true, { ca: kafka.ca, serverName: 'elsewhere.example' }]) {
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
      const endMs = systemClock.monotonicMs() + 2 * sessionMs + 1_000 // Beyond two sessions.
      let sent = 0
      while (systemClock.monotonicMs() < endMs) {
        const calls = Array.from({ length: 5 }, () =>
          producer.send([{ topic, key: null, value: String(sent++) }]),
        )
        await Promise.all(calls)
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

    test(
      'a user whose name and password hold what SCRAM escapes is known',
      {
        skip: backend.name === 'Apache Kafka' && 'its storage tool takes no such name',
      },
      async () => {
        for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
          const sasl = { mechanism, username: oddUser.name, password: oddUser.password }
          await using admin = await createAdmin(optionsFor(mechanism, { sasl }))
          await admin.listTopics()
        }
      },
    )
  })
