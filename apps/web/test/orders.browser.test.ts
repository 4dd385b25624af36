import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browserMissing } from './fixture/browser.ts'
import { openHouse } from './fixture/house.ts'

const skip = browserMissing()

test(
  'orders: one is placed in the dialog, waits, and is seen to be rolled back with its reason',
  { skip },
  async () => {
    await using house = await openHouse('/orders')
    const { api, page } = house
    await page.getByRole('heading', { name: 'No orders yet' }).waitFor()
    await page.getByRole('button', { name: 'Place an order' }).click()
    await page.getByLabel(/Mug with a mill wheel/).fill('2')
    await page.locator('.order-total').getByText('£15.00').waitFor()
    const find = page.getByLabel('Find a product')
    await find.fill('sold')
    await page.getByLabel(/Sold out/).waitFor()
    // What was chosen stays in sight and in the sum.
    assert.equal(await page.getByLabel(/Mug with a mill wheel/).inputValue(), '2')
    await find.fill('teapot')
    await page.getByText('No product has “teapot” in its name or sku.').waitFor()
    await find.press('Enter')
    await page.locator('.order-total').getByText('£15.00').waitFor()
    assert.equal(api.shop.orders.length, 0)
    await find.fill('')
    await page.getByRole('button', { name: 'Place order' }).click()
    await page.getByRole('heading', { name: 'Order 1' }).waitFor()
    await page.getByText('decided at the latest in').waitFor()
    const [order] = api.shop.orders
    assert.ok(order)
    api.shop.decide(order, 'ROLLBACK', 'PAYMENT')
    await page.getByText('ROLLBACK PAYMENT').first().waitFor()
    await page.getByText('The balance of ada does not cover £7.50').waitFor()
    await page.getByText('What a side had reserved goes back').waitFor()
    assert.equal(await page.getByRole('button', { name: 'Cancel the order' }).count(), 0)
    assert.deepEqual(house.errors, [])
  },
)

test('orders: an open one is cancelled, the list filters by status', { skip }, async () => {
  await using house = await openHouse('/orders', {}, ({ shop }) => {
    shop.add([{ sku: 'MR-MUG', quantity: 1 }])
    shop.decide(shop.add([{ sku: 'MR-MUG', quantity: 1 }]), 'CONFIRMED', null)
  })
  const { page } = house
  await page.getByRole('link', { name: 'Open', exact: true }).click()
  await page.getByRole('link', { name: '1', exact: true }).click()
  await page.getByRole('button', { name: 'Cancel the order' }).click()
  await page.getByText('ROLLBACK CUSTOMER').first().waitFor()
  await page.goto(`${house.base}/orders?status=NEW`)
  await page.getByRole('heading', { name: 'Nothing matches' }).waitFor()
  await page.getByRole('button', { name: 'Show all orders' }).click()
  await page.getByText('CONFIRMED', { exact: true }).waitFor()
})

test(
  'orders: what invoices took back is listed beside its orders, and the order shows what is left',
  { skip },
  async () => {
    await using house = await openHouse('/orders', {}, ({ shop }) => {
      const order = shop.add([{ sku: 'MR-MUG', quantity: 4 }])
      shop.decide(order, 'CONFIRMED', null)
      shop.cancel(order.orderId, 7_500)
      shop.cancel(order.orderId, 2_500)
      shop.cancel(null, 9_000)
    })
    const { page, api } = house
    await page.getByText('net £20.00').waitFor()
    await page.getByRole('link', { name: 'Cancellations', exact: true }).click()
    const row = page.getByRole('row').filter({ hasText: 'C2' })
    await row.waitFor()
    const cells = await row.getByRole('cell').allTextContents()
    assert.deepEqual(cells.slice(2, 6), ['£2.50', '£30.00', '£10.00', '£20.00'])
    await page.getByText('invoice 536365, which is not here').waitFor()
    await row.getByRole('link', { name: 'order 1' }).click()
    await page.getByRole('heading', { name: 'Cancellations' }).waitFor()
    const net = page.getByRole('row').filter({ hasText: 'Net' })
    assert.equal(await net.getByRole('cell').textContent(), '£20.00')
    api.shop.cancellations.length = 0
    await page.goto(`${house.base}/orders/cancellations`)
    await page.getByRole('heading', { name: 'No cancellations' }).waitFor()
    assert.deepEqual(house.errors, [])
  },
)

test(
  'orders: a service that is away, and an order that is not there, say so',
  { skip },
  async () => {
    await using house = await openHouse('/orders/77')
    const { api, page } = house
    await page.getByRole('heading', { name: 'There is no order 77 of yours' }).waitFor()
    api.faults.push({
      path: '/api/orders',
      status: 503,
      problem: { title: 'The orders service does not answer', code: 'MR_GATEWAY_SERVICE_DOWN' },
    })
    await page.getByRole('link', { name: 'To all orders' }).click()
    await page.getByRole('alert').getByText('The orders service does not answer').waitFor()
    await page.getByRole('button', { name: 'Try again' }).waitFor()
    // By itself: the page asks again each 1.5 s, and the button may be gone before it is pressed.
    api.faults.length = 0
    await page.getByRole('heading', { name: 'No orders yet' }).waitFor()
  },
)

test(
  'lab: a switch is on until it is off, and the checker tells what it sees',
  { skip },
  async () => {
    await using house = await openHouse('/lab', {}, ({ shop }) => {
      shop.add([{ sku: 'MR-MUG', quantity: 1 }])
    })
    const { api, page } = house
    await page.getByText('1 order on the way').waitFor()
    await page.getByRole('button', { name: 'Switch on: Payment rejects' }).click()
    await page.getByRole('button', { name: 'Switch off: Payment rejects' }).waitFor()
    assert.deepEqual([...api.shop.faultsOn], ['payment-rejects'])
    const [order] = api.shop.orders
    assert.ok(order)
    api.shop.decide(order, 'CONFIRMED', null)
    await page.getByText('0 lost, 0 double: all 1 order decided, once each').waitFor()
    await page.getByRole('button', { name: 'Switch all off' }).click()
    await page.getByRole('button', { name: 'Switch on: Payment rejects' }).waitFor()
    assert.equal(api.shop.faultsOn.size, 0)
    assert.deepEqual(house.errors, [])
  },
)
