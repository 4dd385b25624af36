import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { createAdmin, type KafkaOptions } from '@millrace/kafka'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import { fussy } from '../../test/fussy-topology.ts'
import { createTopics, stateDirectory, uniqueName, write } from '../../test/streams-fixture.ts'
import type { StreamsError } from '../errors.ts'
import { StreamsApp, type StreamsAppOptions } from './streams-app.ts'

for (const backend of await kafkaBackends())
  describe(`SHUTDOWN_APPLICATION on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'streams-shutdown-test' }
    })
    after(() => kafka.stop())

    test('an error in one instance ends all of them, in workers and on the event loop, and the group is empty', async () => {
      const [input, output] = [uniqueName('in'), uniqueName('out')]
      await createTopics(options, 4, input, output)
      const module = new URL('../../test/fussy-topology.ts', import.meta.url)
      await using first = await stateDirectory()
      await using second = await stateDirectory()
      const mark = join(first.path, 'failed')
      module.search = `input=${input}&output=${output}&mark=${mark}`
      const settings: StreamsAppOptions = {
        applicationId: uniqueName('app'),
        brokers: kafka.brokers,
        topology: fussy(input, output, mark),
        guarantee: 'exactly_once_v2',
        commitIntervalMs: 50,
        heartbeatIntervalMs: 200,
        onUncaughtError: () => 'SHUTDOWN_APPLICATION',
      }
      const apps = [
        new StreamsApp({ ...settings, stateDir: first.path }),
        new StreamsApp({ ...settings, topology: module, stateDir: second.path }),
      ]
      await using _one = apps[0]
      await using _other = apps[1]
      await Promise.all(apps.map((app) => app.start()))
      await eventually('shared', () =>
        apps.every(
          (app) =>
            app.state === 'RUNNING' && app.threads.some(({ taskIds }) => taskIds.length === 2),
        ),
      )
      await write(options, input, ['bad'])
      await eventually('ended', () => apps.every(({ state }) => state === 'ERROR'), {
        timeoutMs: 120_000,
      })
      assert.deepEqual(apps.map(({ failure }) => (failure as StreamsError).code).toSorted(), [
        'MR_STREAMS_PROCESSING_FAILED',
        'MR_STREAMS_SHUTDOWN_REQUESTED',
      ])
      await using admin = await createAdmin(options)
      await eventually('left', async () => {
        const [group] = await admin.describeGroups([settings.applicationId])
        return group?.members.length === 0
      })
    })
  })
