import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { kafkaBackends } from '@millrace/testkit'
import { copy } from '../test/copy-example.ts'
import { example } from '../test/example.ts'
import { createTopic, uniqueName } from '../test/fixtures.ts'
import { readCommitted } from '../test/read-committed.ts'
import { createConsumer, createProducer } from './index.ts'

for (const backend of await kafkaBackends())
  test(`the README's example runs on ${backend.name}`, async () => {
    await using kafka = await backend.start()
    assert.equal(await example(kafka.brokers), 'hello')
  })

for (const backend of await kafkaBackends())
  test(`the README's copy in transactions runs on ${backend.name}`, async () => {
    await using kafka = await backend.start()
    const options = { brokers: kafka.brokers, clientId: 'readme-test' }
    const [from, to] = [await createTopic(options, 2), await createTopic(options, 2)]
    await using producer = await createProducer(options)
    const values = ['a', 'b', 'c', 'd']
    await producer.send(values.map((value) => ({ topic: from, key: value, value })))
    const groupId = uniqueName('copier')
    const consumer = await createConsumer({ ...options, groupId, topics: [from] })
    const copying = copy(options, consumer, to)
    await eventually('everything is copied and counted', async () => {
      const done = await consumer.committed([0, 1].map((partition) => ({ topic: from, partition })))
      return done.reduce((sum, { offset }) => sum + Number(offset ?? 0n), 0) === values.length
    })
    await consumer.close()
    await copying
    assert.deepEqual(await readCommitted(options, to), values)
  })

test("the README's example is the one that runs", async () => {
  const text = (path: string) => readFile(new URL(path, import.meta.url), 'utf8')
  const readme = await text('../README.md')
  for (const path of ['../test/example.ts', '../test/copy-example.ts'])
    assert.ok(readme.includes(await text(path)), path)
})
