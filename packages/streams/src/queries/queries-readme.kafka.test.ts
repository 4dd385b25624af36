import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { StreamsApp } from '@millrace/streams'
import { kafkaBackends } from '@millrace/testkit'
import { countsBetween, startWithQueries } from '../../test/queries-example.ts'
import {
  createTopics,
  stateDirectory,
  uniqueName,
  wordCount,
  write,
} from '../../test/streams-fixture.ts'

test('the README’s example of queries is the one that runs', async () => {
  const text = (path: string) => readFile(new URL(path, import.meta.url), 'utf8')
  assert.ok((await text('../../README.md')).includes(await text('../../test/queries-example.ts')))
})

for (const backend of await kafkaBackends())
  test(`the README’s queries give the words between two, in order, and curl gets them too, on ${backend.name}`, async () => {
    await using kafka = await backend.start()
    await using directory = await stateDirectory()
    const options = { brokers: kafka.brokers, clientId: 'queries-readme-test' }
    const [input, output] = [uniqueName('lines'), uniqueName('counts')]
    await createTopics(options, 3, input, output)
    await write(options, input, ['to be or not to be', 'that is the question'])
    await using app = new StreamsApp({
      applicationId: uniqueName('app'),
      brokers: kafka.brokers,
      topology: wordCount(input, output),
      guarantee: 'exactly_once_v2',
      stateDir: directory.path,
    })
    await using server = await startWithQueries(app, 0)
    await eventually(
      'counted',
      async () => {
        assert.deepEqual(await countsBetween(app, 'o', 'to'), [
          ['or', 1],
          ['question', 1],
          ['that', 1],
          ['the', 1],
          ['to', 2],
        ])
        return true
      },
      { timeoutMs: 120_000 },
    )
    const answer = await fetch(`http://${server.address}/stores/counts/get?key=to`)
    const { rows } = (await answer.json()) as { rows: readonly { value: number }[] }
    assert.equal(rows[0]?.value, 2)
  })
