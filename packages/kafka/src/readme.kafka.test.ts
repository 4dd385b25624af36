import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { kafkaBackends } from '@millrace/testkit'
import { example } from '../test/example.ts'

for (const backend of await kafkaBackends())
  test(`the README's example runs on ${backend.name}`, async () => {
    await using kafka = await backend.start()
    assert.equal(await example(kafka.brokers), 'hello')
  })

test("the README's example is the one that runs", async () => {
  const text = (path: string) => readFile(new URL(path, import.meta.url), 'utf8')
  assert.ok((await text('../README.md')).includes(await text('../test/example.ts')))
})
