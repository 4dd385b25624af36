import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recovererDlqTopic } from '@millrace/contracts'
import { noopMeter, silentLogger } from '@millrace/core'
import { StreamsError, type ErrorHandling } from '@millrace/streams'
import { OrderSagaError } from './errors.ts'
import { recordsLeftOut } from './failure-policy.ts'
import { SagaMetrics } from './saga-metrics.ts'

const again = { decision: 'FAIL', deadLetters: [] }

function policy(maxRetries: number) {
  const metrics = new SagaMetrics(noopMeter)
  const handling = recordsLeftOut({ metrics, logger: silentLogger, maxRetries })
  return { metrics, handling }
}

function answerTo(
  { onProcessingError }: ErrorHandling,
  cause: Error,
  topic: string | undefined,
  offset: number,
): unknown {
  const error = new StreamsError('MR_STREAMS_PROCESSING_FAILED', 'It failed.', {}, { cause })
  const record = { topic, partition: 0, offset, timestamp: 0, headers: [] }
  return onProcessingError?.(error, { ...record, rawKey: null, rawValue: null })
}

test('failure policy: each record has its own tries; after the last its bytes are left on recovererDLQ', () => {
  const { metrics, handling } = policy(2)
  assert.equal(handling.deadLetterTopic, recovererDlqTopic.name)
  const passing = new Error('made to fail')
  assert.deepEqual(answerTo(handling, passing, 'orders', 1), again)
  assert.deepEqual(answerTo(handling, passing, 'orders', 2), again)
  assert.deepEqual(answerTo(handling, passing, 'orders', 1), again)
  assert.equal(answerTo(handling, passing, 'orders', 1), 'CONTINUE')
  assert.deepEqual(answerTo(handling, passing, 'orders', 2), again)
  assert.deepEqual([metrics.totals.retries, metrics.totals.deadLetters], [4, 1])
})

test('failure policy: what no try can mend is left out at once', () => {
  const { metrics, handling } = policy(5)
  const wrongKey = new OrderSagaError('MR_ORDER_SAGA_KEY_MISMATCH', 'Under another key.')
  assert.equal(answerTo(handling, wrongKey, 'payment-orders', 1), 'CONTINUE')
  assert.deepEqual([metrics.totals.retries, metrics.totals.deadLetters], [0, 1])
})

test('failure policy: a timer has no record to leave out, and is tried until it is done', () => {
  const { handling } = policy(1)
  for (let attempt = 0; attempt < 5; attempt++)
    assert.deepEqual(answerTo(handling, new Error('made to fail'), undefined, -1), again)
})
