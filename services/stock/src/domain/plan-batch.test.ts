import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom } from '@millrace/core'
import { planBatch, type BatchPlan, type Reservation, type Step } from './plan-batch.ts'
import type { Line } from './reservation.ts'

const placed = (orderId: string, ...lines: readonly (readonly [string, number])[]): Step => ({
  kind: 'placed',
  orderId,
  lines: lines.map(([sku, quantity]) => ({ sku, quantity })),
})
const decided = (orderId: string, isConfirmed: boolean): Step => ({
  kind: 'decided',
  orderId,
  isConfirmed,
})

interface Before {
  readonly onHand?: Readonly<Record<string, number>>
  readonly reservations?: Readonly<Record<string, Reservation>>
  readonly mode?: 'normal' | 'reject' | 'silent'
}

function plan(
  steps: readonly Step[],
  { onHand = {}, reservations = {}, mode = 'normal' }: Before = {},
): BatchPlan {
  return planBatch(steps, {
    onHand: new Map(Object.entries(onHand)),
    reservations: new Map(Object.entries(reservations)),
    mode,
  })
}

const lines: readonly Line[] = [{ sku: 'a', quantity: 2 }]
const reserved: Reservation = { state: 'RESERVED', reason: null, lines }
const refused: Reservation = { state: 'REFUSED', reason: 'no', lines: [] }
const taken: Reservation = { state: 'TAKEN', reason: null, lines }
const released: Reservation = { state: 'RELEASED', reason: null, lines }
const closed: Reservation = { state: 'CLOSED', reason: null, lines: [] }

/** State of order 1 afterwards, what moved as [kind, sku, quantity], reasons of the answers (null: ACCEPT), and contradictions. */
interface Expected {
  readonly state: string
  readonly moved?: readonly (readonly [string, string, number])[]
  readonly answers?: readonly (string | null)[]
  readonly anomalies?: number
}

const cases: readonly (Before & {
  readonly name: string
  readonly steps: readonly Step[]
  readonly expected: Expected
})[] = [
  {
    name: 'enough: reserved and accepted',
    onHand: { a: 5 },
    steps: [placed('1', ['a', 5])],
    expected: { state: 'RESERVED', moved: [['RESERVE', 'a', 5]], answers: [null] },
  },
  {
    name: 'one line short: nothing is reserved, the reason names it',
    onHand: { a: 5, b: 1 },
    steps: [placed('1', ['a', 1], ['b', 2])],
    expected: { state: 'REFUSED', answers: ['Not enough of b: 2 ordered, 1 in stock.'] },
  },
  {
    name: 'unknown skus: the first by name, and how many more',
    steps: [placed('1', ['z', 1], ['y', 1])],
    expected: {
      state: 'REFUSED',
      answers: ['Not enough of y: 1 ordered, none in stock; 1 more articles are short.'],
    },
  },
  {
    name: 'a sku in two lines counts as their sum',
    onHand: { a: 5 },
    steps: [placed('1', ['a', 3], ['a', 3])],
    expected: { state: 'REFUSED', answers: ['Not enough of a: 6 ordered, 5 in stock.'] },
  },
  {
    name: 'an earlier order of the batch has it first',
    onHand: { a: 5 },
    steps: [placed('2', ['a', 4]), placed('1', ['a', 2])],
    expected: {
      state: 'REFUSED',
      moved: [['RESERVE', 'a', 4]],
      answers: [null, 'Not enough of a: 2 ordered, 1 in stock.'],
    },
  },
  {
    name: 'what a decision of the batch gives back, a later order has',
    onHand: { a: 0 },
    reservations: { 2: reserved },
    steps: [decided('2', false), placed('1', ['a', 2])],
    expected: {
      state: 'RESERVED',
      moved: [
        ['RELEASE', 'a', 2],
        ['RESERVE', 'a', 2],
      ],
      answers: [null],
    },
  },
  {
    name: 'placed and confirmed in one batch',
    onHand: { a: 2 },
    steps: [placed('1', ['a', 2]), decided('1', true)],
    expected: {
      state: 'TAKEN',
      moved: [
        ['RESERVE', 'a', 2],
        ['TAKE', 'a', 2],
      ],
      answers: [null],
    },
  },
  {
    name: 'a repeat under another id gets the same answer',
    reservations: { 1: reserved },
    steps: [placed('1', ['a', 2])],
    expected: { state: 'RESERVED', answers: [null] },
  },
  {
    name: 'a repeat of a refused order is refused alike, though there is enough by now',
    onHand: { a: 9 },
    reservations: { 1: refused },
    steps: [placed('1', ['a', 2])],
    expected: { state: 'REFUSED', answers: ['no'] },
  },
  {
    name: 'confirmed: taken',
    reservations: { 1: reserved },
    steps: [decided('1', true)],
    expected: { state: 'TAKEN', moved: [['TAKE', 'a', 2]] },
  },
  {
    name: 'not confirmed: released',
    reservations: { 1: reserved },
    steps: [decided('1', false)],
    expected: { state: 'RELEASED', moved: [['RELEASE', 'a', 2]] },
  },
  {
    name: 'decided twice: once',
    reservations: { 1: reserved },
    steps: [decided('1', false), decided('1', false)],
    expected: { state: 'RELEASED', moved: [['RELEASE', 'a', 2]] },
  },
  {
    name: 'the decision before the order: nothing is reserved, nobody is answered',
    onHand: { a: 9 },
    steps: [decided('1', false), placed('1', ['a', 2])],
    expected: { state: 'CLOSED' },
  },
  {
    name: 'the decision long before the order',
    onHand: { a: 9 },
    reservations: { 1: closed },
    steps: [placed('1', ['a', 2])],
    expected: { state: 'CLOSED' },
  },
  {
    name: 'the order again after its end is not answered',
    onHand: { a: 9 },
    reservations: { 1: released },
    steps: [placed('1', ['a', 2])],
    expected: { state: 'RELEASED' },
  },
  {
    name: 'rolled back what was refused: nothing',
    reservations: { 1: refused },
    steps: [decided('1', false)],
    expected: { state: 'REFUSED' },
  },
  {
    name: 'confirmed what was never reserved: nothing, and told',
    steps: [decided('1', true)],
    expected: { state: 'CLOSED', anomalies: 1 },
  },
  {
    name: 'confirmed what was refused: nothing, and told',
    reservations: { 1: refused },
    steps: [decided('1', true)],
    expected: { state: 'REFUSED', anomalies: 1 },
  },
  {
    name: 'released, then confirmed: nothing, and told',
    reservations: { 1: released },
    steps: [decided('1', true)],
    expected: { state: 'RELEASED', anomalies: 1 },
  },
  {
    name: 'taken, then rolled back: nothing, and told',
    reservations: { 1: taken },
    steps: [decided('1', false)],
    expected: { state: 'TAKEN', anomalies: 1 },
  },
  {
    name: 'told to refuse',
    onHand: { a: 9 },
    mode: 'reject',
    steps: [placed('1', ['a', 2])],
    expected: {
      state: 'REFUSED',
      answers: ['Stock refuses all orders for the moment, because the Lab says so.'],
    },
  },
  {
    name: 'told to keep silent: reserved, no answer, and the decision counts',
    onHand: { a: 9 },
    mode: 'silent',
    steps: [placed('1', ['a', 2]), decided('1', false)],
    expected: {
      state: 'RELEASED',
      moved: [
        ['RESERVE', 'a', 2],
        ['RELEASE', 'a', 2],
      ],
    },
  },
]

for (const { name, steps, expected, ...before } of cases)
  test(`stock: ${name}`, () => {
    const { reservations, movements, answers, anomalies } = plan(steps, before)
    const state =
      reservations.find(({ orderId }) => orderId === '1')?.state ??
      before.reservations?.['1']?.state
    assert.equal(state, expected.state)
    assert.deepEqual(
      movements.map((move) => [move.kind, move.sku, Math.max(Math.abs(move.onHand), move.sold)]),
      expected.moved ?? [],
    )
    assert.deepEqual(
      answers.map(({ rejectReason }) => rejectReason),
      expected.answers ?? [],
    )
    assert.equal(anomalies.length, expected.anomalies ?? 0)
    for (const { onHand, reserved: change, sold } of movements)
      assert.equal(onHand + change + sold, 0)
  })

test('stock: whatever comes in whatever order and batches, units are conserved, no figure is negative, each order ends as decided', () => {
  const seed = Number(process.env['SEED'] ?? 7_401)
  const random = seededRandom(seed)
  for (let run = 0; run < 100; run++) {
    const onHand = new Map(['a', 'b', 'c'].map((sku) => [sku, randomInt(random, 20)]))
    const reservedOf = new Map<string, number>()
    const sums = new Map(onHand)
    const reservations = new Map<string, Reservation>()
    const verdicts = new Map<string, boolean>()
    for (let batch = 0; batch < 12; batch++) {
      const steps = Array.from({ length: 1 + randomInt(random, 8) }, () => {
        const orderId = String(1 + randomInt(random, 12))
        if (random.float() < 0.5) {
          const skus = ['a', 'b', 'c', 'd'].filter(() => random.float() < 0.5)
          return placed(orderId, ...skus.map((sku) => [sku, 1 + randomInt(random, 4)] as const))
        }
        const isConfirmed = verdicts.get(orderId) ?? random.float() < 0.5
        verdicts.set(orderId, isConfirmed)
        return decided(orderId, isConfirmed)
      })
      const { reservations: changed, movements } = planBatch(steps, {
        onHand,
        reservations,
        mode: 'normal',
      })
      const linesOf = new Map([...reservations].map(([id, known]) => [id, known.lines]))
      for (const move of movements) {
        onHand.set(move.sku, (onHand.get(move.sku) ?? 0) + move.onHand)
        reservedOf.set(move.sku, (reservedOf.get(move.sku) ?? 0) + move.reserved)
        const left = (onHand.get(move.sku) ?? 0) + (reservedOf.get(move.sku) ?? 0)
        assert.ok((onHand.get(move.sku) ?? 0) >= 0, `seed ${seed}: ${move.sku} below 0`)
        assert.ok(
          (reservedOf.get(move.sku) ?? 0) >= 0,
          `seed ${seed}: ${move.sku} reserved below 0`,
        )
        assert.ok(left <= (sums.get(move.sku) ?? 0), `seed ${seed}: more than there ever was`)
        if (move.kind !== 'RESERVE') continue
        const { sku, reserved: quantity, orderId } = move
        const known = linesOf.get(orderId ?? '') ?? []
        linesOf.set(orderId ?? '', [...known, { sku, quantity }])
      }
      for (const { orderId, state, reason } of changed)
        reservations.set(orderId, { state, reason, lines: linesOf.get(orderId) ?? [] })
    }
    for (const [orderId, isConfirmed] of verdicts) {
      const { state = 'CLOSED' } = reservations.get(orderId) ?? {}
      const allowed = isConfirmed
        ? ['TAKEN', 'REFUSED', 'CLOSED']
        : ['RELEASED', 'REFUSED', 'CLOSED']
      assert.ok(allowed.includes(state), `seed ${seed}: order ${orderId} is ${state}`)
    }
  }
})
