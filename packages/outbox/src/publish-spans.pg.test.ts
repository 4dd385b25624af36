import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidTimeMs, type SpanOptions, type Tracer } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { outboxFixture, testEvent, topic } from '../test/fixture.ts'
import { RecordingProducer } from '../test/recording-producer.ts'

/** Keeps the spans it is asked for. */
class RecordingTracer implements Tracer {
  readonly isRecording = true
  readonly ended: {
    readonly name: string
    readonly options: SpanOptions
    readonly endMs: number
  }[] = []

  startSpan(name: string, options: SpanOptions): ReturnType<Tracer['startSpan']> {
    return {
      traceparent: options.parent,
      setAttributes: () => {},
      fail: () => {},
      end: (endMs = Number.NaN) => void this.ended.push({ name, options, endMs }),
    }
  }
}

test('relay: a span per event of a recorded trace, from its making to the broker’s answer', async () => {
  const tracer = new RecordingTracer()
  await using fixture = await outboxFixture({ tracer })
  const { outbox } = fixture
  const [traced, unsampled, untraced] = [testEvent('a'), testEvent('b'), testEvent('c')]
  const traceparent = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`
  await outbox.transaction(async (tx) => {
    tx.publish(traced, { topic, key: 'a', traceparent })
    tx.publish(unsampled, { topic, key: 'b', traceparent: traceparent.replace(/01$/, '00') })
    tx.publish(untraced, { topic, key: 'c' })
  })
  await using relay = outbox.createRelay({ producer: new RecordingProducer() })
  relay.start()
  await eventually('all are published', async () => (await outbox.stats()).publishedTotal === 3n)
  await eventually('the span is written', () => tracer.ended.length > 0)
  const [span, ...others] = tracer.ended
  assert.deepEqual(others, [])
  assert.equal(span?.name, `publish ${topic}`)
  assert.equal(span.options.parent, traceparent)
  assert.equal(span.options.startMs, uuidTimeMs(traced.eventId))
  assert.ok(span.endMs >= uuidTimeMs(traced.eventId))
  assert.equal(span.options.attributes?.['millrace.event_id'], traced.eventId)
})
