import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  assertAccessible,
  assertNoSidewaysScroll,
  assertWordsWhole,
} from './fixture/accessibility.ts'
import { browserMissing } from './fixture/browser.ts'
import { openHouse } from './fixture/house.ts'
import type { MockApi } from './fixture/mock-api.ts'
import { addFailures, addRefusals } from './fixture/mock-tracking.ts'

const skip = browserMissing()

/** Failures, one operation that is planned, and one under way. */
function withOperations({ tracking }: MockApi): void {
  addFailures(tracking, 'c0ffee12-0000-7000-8000-000000000000')
  addRefusals(tracking, '0dde5000-0000-7000-8000-000000000000')
  const { operations } = tracking
  const filter = { fingerprint: 'c0ffee12c0ffee12' }
  const wish = {
    service: 'discussion-analytics',
    kind: 'redrive',
    group: 'discussion-analytics',
    filter,
  }
  operations.plan(wish, '0b0b0b0b-0000-4000-8000-000000000001')
  operations.plan(wish, '0b0b0b0b-0000-4000-8000-000000000002').state = 'CONFIRMED'
}

/** One order that waits, and one that was rolled back. */
function withOrders({ shop }: MockApi): void {
  shop.add([{ sku: 'MR-MUG', quantity: 2 }], Date.now() - 4_000)
  shop.decide(shop.add([{ sku: 'MR-MUG', quantity: 1 }]), 'ROLLBACK', 'PAYMENT')
  shop.cancel('2', 2_500)
  shop.cancel(null, 9_000)
}

/** The list of people, and what may be done with one, is for an admin. */
function withAdmin({ people }: MockApi): void {
  people.signIn('mary')
  people.actAs('barbara')
}

const pages: readonly {
  readonly name: string
  readonly path: string
  readonly ready: string
  readonly isStudent?: boolean
}[] = [
  { name: 'Overview', path: '/', ready: '.strip' },
  { name: 'Event log', path: '/log', ready: '.event-table' },
  { name: 'a journey', path: '/journeys/qc-q12', ready: '.story' },
  { name: 'a journey as a timeline', path: '/journeys/qc-q12?view=timeline', ready: '.hops' },
  { name: 'a journey as a sequence', path: '/journeys/qc-q12?view=sequence', ready: '.arrow' },
  { name: 'Failures', path: '/failures', ready: '.failure-table' },
  {
    name: 'a failure',
    path: '/failures/c0ffee12c0ffee12?event=c0ffee12-0000-7000-8000-000000000000+discussion-analytics',
    ready: '.event-panel .payload pre',
  },
  {
    name: 'a refusal',
    path: '/failures/0dde50000dde5000?event=0dde5000-0000-7000-8000-000000000000',
    ready: '.event-panel .payload pre',
  },
  { name: 'Operations', path: '/operations', ready: '.operation-table' },
  {
    name: 'a plan',
    path: '/operations/0b0b0b0b-0000-4000-8000-000000000001',
    ready: '.operation-plan',
  },
  {
    name: 'an operation',
    path: '/operations/0b0b0b0b-0000-4000-8000-000000000002',
    ready: '.operation-items',
  },
  { name: 'Streams', path: '/streams?store=orders&find=keys', ready: '.store-table' },
  { name: 'Lab', path: '/lab', ready: '.lab-fault' },
  { name: 'Orders', path: '/orders', ready: '.data-table' },
  { name: 'Cancellations', path: '/orders/cancellations', ready: '.data-table' },
  { name: 'an open order', path: '/orders/1', ready: '.order-countdown' },
  { name: 'an order rolled back', path: '/orders/2', ready: '.order-side p' },
  { name: 'People', path: '/people', ready: '.people-table' },
  { name: 'People, for a student', path: '/people', ready: '.state', isStudent: true },
  { name: 'a person', path: '/people/mary', ready: '.role-choices' },
  { name: 'Discussions', path: '/discussions?course=qc/quantum-gate', ready: '.thread-list' },
  { name: 'a thread', path: '/discussions/qc-q12', ready: '.engagement-score' },
]

for (const { name, path, ready, isStudent } of pages) {
  for (const theme of ['light', 'dark'] as const) {
    for (const width of [360, 1280]) {
      test(
        `${name}, ${theme}, ${width} px: accessible, no sideways scroll, no error`,
        { skip },
        async () => {
          await using house = await openHouse(path, { theme, width }, (api) => {
            withOperations(api)
            withOrders(api)
            if (path.startsWith('/people') && !isStudent) withAdmin(api)
          })
          await house.page.waitForSelector(ready)
          await assertAccessible(house.page)
          await assertNoSidewaysScroll(house.page)
          await assertWordsWhole(house.page)
          assert.deepEqual(house.errors, [])
        },
      )
    }
  }
}

test('help dialog and new thread dialog are accessible', { skip }, async () => {
  await using house = await openHouse('/discussions', { theme: 'dark' })
  const { page } = house
  await page.waitForSelector('.thread-list')
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Help and keys' }).waitFor()
  await assertAccessible(page)
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'hidden' })
  await page.keyboard.press('c')
  await page.getByRole('dialog', { name: 'New thread' }).waitFor()
  await assertAccessible(page)
})

test('theme: the choice is there before the first paint after a reload', { skip }, async () => {
  await using house = await openHouse('/', { theme: 'light' })
  const { page } = house
  await page.getByRole('button', { name: /^Theme/ }).click()
  await page.getByRole('menuitemradio', { name: 'Dark' }).click()
  assert.equal(await page.evaluate(() => document.documentElement.dataset['theme']), 'dark')
  // Without the app's script the theme must hold already.
  await page.route('**/assets/*.js', (route) => route.abort())
  await page.reload({ waitUntil: 'domcontentloaded' })
  assert.equal(await page.evaluate(() => document.documentElement.dataset['theme']), 'dark')
})

test('motion: nothing moves for those who asked for less of it', { skip }, async () => {
  await using house = await openHouse('/', { isReduced: true })
  await house.page.waitForSelector('.flow-map')
  await house.page.getByRole('button', { name: 'Comment on it' }).click()
  await house.page.getByText('Arrived in').waitFor()
  const moving = await house.page.evaluate(() =>
    document
      .getAnimations()
      .filter(({ playState }) => playState === 'running')
      .map(({ effect }) => Number(effect?.getComputedTiming().activeDuration))
      .filter((durationMs) => durationMs > 10),
  )
  assert.deepEqual(moving, [])
})

test('first load: all scripts of a page together stay within 190 KiB gzip', { skip }, async () => {
  await using house = await openHouse('/')
  const { page } = house
  await page.waitForSelector('.strip')
  const scripts = await page.evaluate(() =>
    performance
      .getEntriesByType('resource')
      .map(({ name }) => name)
      .filter((name) => name.endsWith('.js')),
  )
  const { gzipSync } = await import('node:zlib')
  let sizeBytes = 0
  for (const url of scripts) {
    sizeBytes += gzipSync(Buffer.from(await (await fetch(url)).arrayBuffer())).length
  }
  assert.ok(sizeBytes <= 190 * 1024, `${sizeBytes} bytes`)
})
