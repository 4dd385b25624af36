import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock, type Clock } from '@millrace/core'
import { betweenGenerations } from './between-generations.ts'
import { code } from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import type { KafkaError } from './errors.ts'
import { generationOver } from './group-coordinator.ts'
import { transactionFailed } from './transaction-coordinator.ts'

/** Time that passes while one sleeps. */
function leapingClock(): Clock {
  let nowMs = 0
  return {
    ...systemClock,
    monotonicMs: () => nowMs,
    sleep: async (ms) => void (nowMs += ms),
  }
}

const refusal = (errorCode: number): KafkaError => transactionFailed(generationOver('g', errorCode))

for (const { name, answers, generations, isSent } of [
  {
    name: 'a member that has not heard of the next generation sends again in its name',
    answers: [code.ILLEGAL_GENERATION, code.NONE],
    generations: [4, 5],
    isSent: true,
  },
  {
    name: 'a group that is dealing out is waited for',
    answers: [code.REBALANCE_IN_PROGRESS, code.REBALANCE_IN_PROGRESS, code.NONE],
    generations: [4, 4, 5],
    isSent: true,
  },
  {
    name: 'a member that the group does not know is refused at once',
    answers: [code.UNKNOWN_MEMBER_ID],
    generations: [4],
    isSent: false,
  },
  {
    name: 'a member that never hears of the next generation is refused in the end',
    answers: Array.from({ length: 1_000 }, () => code.ILLEGAL_GENERATION),
    generations: undefined,
    isSent: false,
  },
])
  test(`offsets between two generations: ${name}`, async () => {
    const clock = leapingClock()
    const asked: number[] = []
    const sending = betweenGenerations(
      { clock } as Cluster,
      () => ({ groupId: 'g', generationId: generations?.[asked.length] ?? 4 }),
      async ({ generationId }) => {
        const errorCode = answers[asked.length] ?? code.NONE
        asked.push(generationId as number)
        if (errorCode !== code.NONE) throw refusal(errorCode)
      },
    )
    if (isSent) await sending
    else await assert.rejects(sending, { code: 'MR_KAFKA_TRANSACTION_FAILED' })
    if (generations) assert.deepEqual(asked, generations)
    assert.ok(clock.monotonicMs() <= 5_000)
  })

test('offsets between two generations: nothing is sent for a member that has lost its place', async () => {
  const lost = new Error('lost')
  await assert.rejects(
    betweenGenerations(
      { clock: leapingClock() } as Cluster,
      () => {
        throw lost
      },
      () => assert.fail('sent'),
    ),
    lost,
  )
})
