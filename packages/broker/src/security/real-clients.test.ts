/** Clients that nobody here wrote, over TLS with each mechanism. */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Admin, Connection } from '@platformatic/kafka'
import { Kafka, logLevel, type SASLOptions } from 'kafkajs'
import { testBroker, type TestBroker } from '../../test/broker.ts'
import { makeCertificates } from '../../test/certificates.ts'

const made = makeCertificates()
const skip = made === undefined ? 'openssl is not installed' : false
const { ca, broker: tls } = made ?? { ca: '', broker: { cert: '', key: '' } }
const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

function secureBroker(maxReauthMs = 0): Promise<TestBroker> {
  const users = [{ name: 'anna', password: 'pencil' }]
  const acls = [
    { principal: 'User:anna', operation: 'ALL', resourceType: 'TOPIC', resourceName: 'mine' },
  ] as const
  return testBroker({
    topics: [{ name: 'mine', partitions: 1 }],
    security: { tls, sasl: { users, maxReauthMs }, authorization: { acls } },
  })
}

for (const mechanism of mechanisms) {
  test(`@platformatic/kafka: ${mechanism} over TLS, and a wrong password`, { skip }, async () => {
    await using broker = await secureBroker()
    const options = (password: string) => ({
      tls: { ca, rejectUnauthorized: true },
      sasl: { mechanism, username: 'anna', password },
    })
    const bootstrapBrokers = [`127.0.0.1:${broker.port}`]
    const admin = new Admin({ clientId: 'admin', bootstrapBrokers, ...options('pencil') })
    try {
      assert.deepEqual(await admin.listTopics(), ['mine'])
    } finally {
      await admin.close()
    }
    // Not by an Admin, which leaves the refused connection open and its later end unheard.
    const connection = new Connection('refused', options('pencils'))
    connection.on('error', () => {})
    await assert.rejects(async () => connection.connect('127.0.0.1', broker.port))
    await connection.close()
  })

  test(`kafkajs: ${mechanism} over TLS, and a wrong password`, { skip }, async () => {
    await using broker = await secureBroker()
    const kafka = (password: string): Kafka =>
      new Kafka({
        clientId: 'kafkajs',
        brokers: [`127.0.0.1:${broker.port}`],
        ssl: { ca },
        sasl: { mechanism: mechanism.toLowerCase(), username: 'anna', password } as SASLOptions,
        logLevel: logLevel.NOTHING,
        retry: { retries: 0 },
      })
    const producer = kafka('pencil').producer()
    await producer.connect()
    try {
      const [row] = await producer.send({ topic: 'mine', messages: [{ value: 'x' }] })
      assert.equal(row?.errorCode, 0)
      await assert.rejects(producer.send({ topic: 'theirs', messages: [{ value: 'x' }] }), {
        message: /authoriz/i,
      })
    } finally {
      await producer.disconnect()
    }
    const refused = kafka('pencils').producer()
    await assert.rejects(refused.connect(), { name: 'KafkaJSSASLAuthenticationError' })
    await refused.disconnect()
  })
}

/** Each lists the topics as anna, over TLS; it fails when it is refused. */
const programs = [
  {
    name: 'kcat',
    version: versionOf('kcat', ['-V'], /librdkafka (\d+)\.(\d+)\.(\d+)/),
    command: (broker: string, waitSeconds: number, settings: readonly string[]) => [
      'kcat',
      '-b',
      broker,
      '-L',
      '-m',
      String(waitSeconds),
      ...settings.flatMap((one) => ['-X', one]),
    ],
  },
  {
    name: 'confluent-kafka for Python',
    version: versionOf(
      'python3',
      ['-c', 'import confluent_kafka; print(confluent_kafka.libversion()[0])'],
      /^(\d+)\.(\d+)\.(\d+)/m,
    ),
    command: (broker: string, waitSeconds: number, settings: readonly string[]) => [
      'python3',
      '-c',
      `import sys
from confluent_kafka.admin import AdminClient
conf = dict(one.split('=', 1) for one in sys.argv[3:])
topics = AdminClient({**conf, 'bootstrap.servers': sys.argv[1]}).list_topics(timeout=int(sys.argv[2])).topics
print(list(topics))`,
      broker,
      String(waitSeconds),
      ...settings,
    ],
  },
]

/** @returns the number of a librdkafka: 2.6.1 is 2006001; undefined when the program is missing */
function versionOf(file: string, args: readonly string[], pattern: RegExp): number | undefined {
  const { stdout } = spawnSync(file, args, { encoding: 'utf8' })
  const [, major, minor, patch] = pattern.exec(stdout ?? '') ?? []
  return major === undefined
    ? undefined
    : Number(major) * 1_000_000 + Number(minor) * 1000 + Number(patch)
}

/**
 * Older librdkafka says its nonce twice in the last message of SCRAM (librdkafka #4895). Apache Kafka refuses that since CVE-2024-56128, and so
 * do we.
 */
const SCRAM_MENDED = 2_006_001

for (const { name, version, command } of programs)
  for (const mechanism of mechanisms) {
    const isOld = mechanism !== 'PLAIN' && version !== undefined && version < SCRAM_MENDED
    const reason =
      skip !== false ? skip : version === undefined ? `${name} is not installed` : false
    const outcome = isOld ? 'is refused, its SCRAM being wrong' : 'over TLS, and a wrong password'
    test(`${name}: ${mechanism} ${outcome}`, { skip: reason }, async () => {
      await using broker = await secureBroker(60_000)
      const folder = mkdtempSync(join(tmpdir(), 'millrace-sasl-'))
      try {
        const root = join(folder, 'ca.pem')
        writeFileSync(root, ca)
        const list = (password: string, waitSeconds: number): Promise<{ stdout: string }> => {
          const [file, ...args] = command(`127.0.0.1:${broker.port}`, waitSeconds, [
            'security.protocol=SASL_SSL',
            `ssl.ca.location=${root}`,
            `sasl.mechanisms=${mechanism}`,
            'sasl.username=anna',
            `sasl.password=${password}`,
          ])
          return promisify(execFile)(file!, args, { timeout: 60_000 })
        }
        if (isOld) await assert.rejects(list('pencil', 2))
        else assert.match((await list('pencil', 30)).stdout, /mine/)
        await assert.rejects(list('pencils', 2))
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    })
  }
