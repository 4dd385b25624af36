import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isInShare } from './share-of-orders.ts'

for (const rate of [0.1, 0.5, 0.9])
  for (const first of [1, 901, 1_000_001])
    test(`share of orders: about ${rate} of the hundred from ${first} on`, () => {
      const ids = Array.from({ length: 100 }, (_, index) => String(first + index))
      const share = ids.filter((id) => isInShare(id, rate)).length / 100
      assert.ok(Math.abs(share - rate) <= 0.15, `${share}`)
    })

test('share of orders: none at 0, all at 1, and who is in a share is in any larger one', () => {
  for (let id = 1; id <= 1_000; id++) {
    assert.equal(isInShare(`${id}`, 0), false)
    assert.equal(isInShare(`${id}`, 1), true)
    if (isInShare(`${id}`, 0.3)) assert.equal(isInShare(`${id}`, 0.6), true)
  }
})
