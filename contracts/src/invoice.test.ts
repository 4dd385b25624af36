import assert from 'node:assert/strict'
import { test } from 'node:test'
import { guestCustomerId, parseInvoice } from './invoice.ts'

const item = { sku: '85123A', description: ' HOLDER ', quantity: 6, unitPrice: 2.55 }
const order = {
  orderId: '536365',
  kind: 'order',
  customerId: '17850',
  createdAt: '2010-12-01T08:26:00Z',
  country: 'United Kingdom',
  items: [item],
}

test('invoice: an order in mills, with its sum', () => {
  assert.deepEqual(parseInvoice({ ...order, more: 'is ignored' }), {
    invoice: {
      externalId: '536365',
      kind: 'order',
      customerId: '17850',
      createdAt: '2010-12-01T08:26:00.000Z',
      country: 'United Kingdom',
      items: [{ sku: '85123A', description: 'HOLDER', quantity: 6, unitPriceMills: 2_550 }],
      totalMills: 15_300,
      cancels: null,
    },
  })
})

test('invoice: what the file does not know is null, and nobody is a guest', () => {
  const bare = { ...order, customerId: null, country: null, likelyCancels: null }
  const parsed = parseInvoice({ ...bare, items: [{ ...item, description: null }] })
  assert.ok('invoice' in parsed)
  assert.equal(parsed.invoice.customerId, guestCustomerId)
  assert.equal(parsed.invoice.country, null)
  assert.equal(parsed.invoice.items[0]?.description, null)
})

test('invoice: a cancellation keeps its sign in the items and gives back a sum above 0', () => {
  const parsed = parseInvoice({
    ...order,
    orderId: 'C536379',
    kind: 'cancellation',
    likelyCancels: '536365',
    items: [{ ...item, quantity: -2 }],
  })
  assert.ok('invoice' in parsed)
  assert.deepEqual([parsed.invoice.totalMills, parsed.invoice.cancels], [5_100, '536365'])
  assert.equal(parsed.invoice.items[0]?.quantity, -2)
})

test('invoice: every price of three decimals up to £20,000 is exact', () => {
  // Floats of three decimals are seldom exact: 16888.02 × 1,000 is 16888020.000000002.
  for (let mills = 1; mills < 20_000_000; mills += 997) {
    const unitPrice = Number((mills / 1_000).toFixed(3))
    const parsed = parseInvoice({ ...order, items: [{ ...item, quantity: 1, unitPrice }] })
    assert.ok('invoice' in parsed, String(unitPrice))
    assert.equal(parsed.invoice.totalMills, mills)
  }
})

const refused: readonly (readonly [name: string, value: unknown, reason: RegExp])[] = [
  ['no object', 'x', /not a JSON object/],
  ['a list', [], /not a JSON object/],
  ['no number', { ...order, orderId: undefined }, /orderId/],
  ['a number with NUL', { ...order, orderId: 'a\0' }, /orderId/],
  ['another kind', { ...order, kind: 'refund' }, /kind/],
  ['no items', { ...order, items: [] }, /items/],
  ['too many items', { ...order, items: Array.from({ length: 1_001 }, () => item) }, /items/],
  ['an order that gives back', { ...order, items: [{ ...item, quantity: -1 }] }, /does not fit/],
  ['a cancellation that sells', { ...order, kind: 'cancellation' }, /does not fit/],
  [
    'quantity 0',
    { ...order, kind: 'stock-adjustment', items: [{ ...item, quantity: 0 }] },
    /0 does/,
  ],
  ['half a piece', { ...order, items: [{ ...item, quantity: 0.5 }] }, /items.0.quantity/],
  ['a price below 0', { ...order, items: [{ ...item, unitPrice: -1 }] }, /items.0.unitPrice/],
  ['four decimals', { ...order, items: [{ ...item, unitPrice: 1.0005 }] }, /three decimals/],
  ['a sku with a comma', { ...order, items: [{ ...item, sku: 'a,b' }] }, /items.0.sku/],
  ['a day that is none', { ...order, createdAt: '2010-13-01T00:00:00Z' }, /createdAt/],
  ['a time before all', { ...order, createdAt: '1000-01-01T00:00:00Z' }, /createdAt/],
  [
    'a sum beyond exact integers',
    {
      ...order,
      items: Array.from({ length: 100 }, () => ({ ...item, quantity: 1e6, unitPrice: 1e9 })),
    },
    /sum is too large/,
  ],
]

for (const [name, value, reason] of refused)
  test(`invoice: ${name} is refused, and says why`, () => {
    const parsed = parseInvoice(value)
    assert.ok('reason' in parsed)
    assert.match(parsed.reason, reason)
  })
