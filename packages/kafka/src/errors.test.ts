import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { brokerError, code } from './broker-error.ts'
import { isRetryable, KafkaError, kafkaErrors } from './errors.ts'
import { produceOutcome } from './produce-outcome.ts'

test('every error code is in the README, and the README names no other, with the same retryable flag', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const rows = [...readme.matchAll(/^\| `(MR_KAFKA_\w+)` \| (yes|no) \|/gm)]
  assert.deepEqual(
    Object.fromEntries(
      rows.map(([, name, retryable]) => [name, { retryable: retryable === 'yes' }]),
    ),
    kafkaErrors,
  )
})

test('an answer of the broker is retryable exactly when it passes by itself', () => {
  const passing = brokerError('Doing', code.NOT_COORDINATOR, { groupId: 'g' })
  assert.deepEqual(
    [passing.code, isRetryable(passing), passing.details['errorName'], passing.details['groupId']],
    ['MR_KAFKA_BROKER_BUSY', true, 'NOT_COORDINATOR', 'g'],
  )
  const final = brokerError('Doing', code.TOPIC_AUTHORIZATION_FAILED)
  assert.deepEqual([final.code, isRetryable(final)], ['MR_KAFKA_REFUSED', false])
  assert.equal(isRetryable(new Error('other')), false)
  assert.ok(final instanceof KafkaError)
})

for (const [name, outcome] of [
  ['NONE', 'appended'],
  ['DUPLICATE_SEQUENCE_NUMBER', 'appended'],
  ['NOT_LEADER_OR_FOLLOWER', 'retry'],
  ['CORRUPT_MESSAGE', 'retry'],
  ['REQUEST_TIMED_OUT', 'retry'],
  ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'retry'],
  ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'renew'],
  ['MESSAGE_TOO_LARGE', 'split'],
  ['TOPIC_AUTHORIZATION_FAILED', 'refuse'],
  ['UNKNOWN_SERVER_ERROR', 'retry'],
] as const)
  test(`produce: ${name} means ${outcome}`, () => assert.equal(produceOutcome(code[name]), outcome))
