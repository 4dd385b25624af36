import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { discussionEvents, discussionEventsTopic } from '@millrace/contracts'
import { eventually } from '@millrace/core/testing'
import { testDatabase } from '@millrace/embedded/testing'
import { ContractRegistry, decodeEvent, type EventEnvelope } from '@millrace/events'
import { createAdmin, createConsumer, partitionForKey } from '@millrace/kafka'
import { kafkaBackends } from '@millrace/testkit'
import { startDiscussions, type RunningDiscussions } from '../test/running-service.ts'

interface Seen {
  readonly event: EventEnvelope
  readonly key: string | undefined
  readonly partition: number
  readonly headers: Readonly<Record<string, string>>
}

const contracts = new ContractRegistry(discussionEvents)

/** Reads the topic from its beginning until `count` records came. */
async function readTopic(brokers: readonly string[], count: number): Promise<readonly Seen[]> {
  const seen: Seen[] = []
  await using consumer = await createConsumer({
    brokers,
    clientId: 'test',
    groupId: `test-${process.pid}-${count}`,
    topics: [discussionEventsTopic.name],
  })
  for await (const batch of consumer) {
    for (const record of batch.records) {
      const decoded = decodeEvent(record.value, contracts)
      assert.equal(decoded.kind, 'event')
      if (decoded.kind !== 'event') continue
      seen.push({
        event: decoded.event,
        key: record.key?.toString(),
        partition: record.partition,
        headers: Object.fromEntries(
          record.headers.map(([name, value]) => [name, value.toString()]),
        ),
      })
    }
    if (seen.length >= count) break
  }
  return seen
}

/** A thread with a comment, two votes and two views: six events. */
async function someActs(service: RunningDiscussions): Promise<string> {
  const body = { courseId: 'qc/x', title: 't', content: 'x' }
  const id = (await service.call('POST', '/threads', { body })).body['id'] ?? ''
  const comment = await service.call('POST', `/threads/${id}/comments`, { body: { content: 'y' } })
  await service.call('POST', `/threads/${id}/votes`, { body: { value: 1 } })
  await service.call('POST', `/threads/${id}/comments/${comment.body['id'] ?? ''}/votes`, {
    body: { value: -1 },
  })
  await service.call('GET', `/threads/${id}`)
  await service.call('GET', `/threads/${id}`)
  return id
}

async function untilPublished(service: RunningDiscussions, count: number): Promise<void> {
  await eventually(`${count} events are published`, async () => {
    const { body } = await service.call('GET', '/stats')
    return body['published'] === String(count) && Number(body['pending']) === 0
  })
}

for (const backend of await kafkaBackends()) {
  describe(backend.name, () => {
    test('events reach three partitions by key, in the order of each thread, as the contracts say', async () => {
      await using kafka = await backend.start()
      await using service = await startDiscussions({
        kafkaEnabled: true,
        kafkaBrokers: kafka.brokers,
      })
      const ids = await Promise.all(Array.from({ length: 8 }, () => someActs(service)))
      await untilPublished(service, 48)
      await using admin = await createAdmin({ brokers: kafka.brokers, clientId: 'test' })
      const counts = await admin.describeTopics([discussionEventsTopic.name])
      assert.equal(counts.get(discussionEventsTopic.name), 3)

      const seen = await readTopic(kafka.brokers, 48)
      assert.equal(seen.length, 48)
      for (const id of ids) {
        const ofThread = seen.filter(({ key }) => key === id)
        assert.deepEqual(
          ofThread.map(({ event }) => event.aggregateVersion),
          [1, 2, 3, 4, 5, 6],
        )
        assert.deepEqual(
          ofThread.map(({ event }) => event.eventType),
          [
            'thread_created',
            'comment_added',
            'vote_cast',
            'vote_cast',
            'thread_viewed',
            'thread_viewed',
          ],
        )
        assert.ok(ofThread.every(({ partition }) => partition === partitionForKey(id, 3)))
      }
      const [first] = seen
      assert.equal(first?.headers['ce_id'], first?.event.eventId)
      assert.match(first?.headers['traceparent'] ?? '', /^00-/)
    })

    test('a broker that is away at the start, and again later, stops no request; all events arrive', async () => {
      await using kafka = await backend.start()
      await kafka.shutDown()
      await using service = await startDiscussions({
        kafkaEnabled: true,
        kafkaBrokers: kafka.brokers,
      })
      await someActs(service)
      assert.equal((await service.call('GET', '/stats')).body['published'], '0')
      await kafka.restart()
      await untilPublished(service, 6)
      await kafka.kill()
      await someActs(service)
      await kafka.restart()
      await untilPublished(service, 12)
      await eventually('its relay leads', async () => {
        return (await service.call('GET', '/stats')).body['relay']?.['isLeading'] === true
      })
    })

    test('with publishing switched off events pile up, and go out once it is on again', async () => {
      await using kafka = await backend.start()
      await using home = await testDatabase()
      const databaseUrl = home.url
      {
        await using service = await startDiscussions({ databaseUrl, kafkaEnabled: false })
        await someActs(service)
        assert.equal((await service.call('GET', '/stats')).body['pending'], 6)
      }
      await using service = await startDiscussions({
        databaseUrl,
        kafkaEnabled: true,
        kafkaBrokers: kafka.brokers,
      })
      await untilPublished(service, 6)
      assert.equal((await readTopic(kafka.brokers, 6)).length, 6)
    })
  })
}
