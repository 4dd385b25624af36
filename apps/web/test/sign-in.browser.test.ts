import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import type { Page } from 'playwright-core'
import { assertAccessible, assertNoSidewaysScroll } from './fixture/accessibility.ts'
import { browserMissing } from './fixture/browser.ts'
import { openHouse } from './fixture/house.ts'
import type { MockApi } from './fixture/mock-api.ts'
import { account } from './fixture/mock-people.ts'

const skip = browserMissing()

/** As in production mode: nobody is anybody without signing in. */
function withoutDemo({ people }: MockApi): void {
  people.hasDemo = false
}

async function fillIn(page: Page, password: string = account.password): Promise<void> {
  await page.getByLabel('E-mail address').fill(account.email)
  await page.getByLabel('Password').fill(password)
}

const signInButton = (page: Page) => page.getByRole('button', { name: 'Sign in', exact: true })
const accountMenu = (page: Page) => page.getByRole('button', { name: /^Signed in as Mary Shaw/ })

test(
  'sign-in: a visitor is taken to it and back afterwards, and out again by the menu',
  { skip },
  async () => {
    await using house = await openHouse('/orders?status=NEW', {}, withoutDemo)
    const { page, api } = house
    await page.getByRole('heading', { name: 'Sign in', exact: true }).waitFor()
    await page.getByRole('navigation', { name: 'Pages' }).waitFor({ state: 'hidden' })
    await fillIn(page)
    await signInButton(page).click()
    await page.getByRole('heading', { name: 'Orders' }).waitFor()
    assert.equal(new URL(page.url()).search, '?status=NEW')
    await page.getByText(/^Live, all/).waitFor()
    await accountMenu(page).click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Sign in', exact: true }).waitFor()
    await page.getByRole('navigation', { name: 'Pages' }).waitFor({ state: 'hidden' })
    assert.equal(api.people.signedInAs, null)
    await page.goto(`${house.base}/people/mary`)
    await page.getByRole('heading', { name: 'Sign in', exact: true }).waitFor()
    assert.deepEqual(house.errors, [])
  },
)

test(
  'sign-in: a wrong password is told without telling what was wrong; nothing but the password is lost',
  { skip },
  async () => {
    await using house = await openHouse('/sign-in', {}, withoutDemo)
    const { page } = house
    await fillIn(page, 'another one entirely')
    await signInButton(page).click()
    await page
      .getByRole('alert')
      .getByText('E-mail address and password do not belong together')
      .waitFor()
    assert.equal(await page.getByLabel('E-mail address').inputValue(), account.email)
    assert.equal(await page.getByLabel('Password').inputValue(), '')
    await page.getByLabel('Password').fill(account.password)
    await page.keyboard.press('Enter')
    await accountMenu(page).waitFor()
  },
)

test(
  'sign-in: after too many tries it says how long to wait, and asks nothing before',
  { skip },
  async () => {
    await using house = await openHouse('/sign-in', {}, (api) => {
      withoutDemo(api)
      api.people.retryAfterS = 3_600
    })
    const { page, api } = house
    await fillIn(page)
    await signInButton(page).click()
    await page.getByRole('heading', { name: 'Too many tries' }).waitFor()
    await page.getByText(/^You may try again in \d+ min\.$/).waitFor()
    assert.equal(await signInButton(page).isDisabled(), true)
    // The next refusal asks for less, and its end gives the button back.
    await page.reload()
    api.people.retryAfterS = 0
    await fillIn(page)
    await signInButton(page).click()
    await page.getByText('You may try again now.').waitFor()
    api.people.retryAfterS = null
    await page.getByLabel('Password').fill(account.password)
    await signInButton(page).click()
    await accountMenu(page).waitFor()
  },
)

test('sign-in: users away, and cookies that are not kept, say so', { skip }, async () => {
  await using house = await openHouse('/sign-in', {}, (api) => {
    withoutDemo(api)
    api.people.keepsCookies = false
    api.faults.push({
      path: '/api/me/sign-in',
      status: 503,
      problem: { title: 'Service Unavailable', detail: 'users does not answer just now.' },
    })
  })
  const { page, api } = house
  await fillIn(page)
  await signInButton(page).click()
  await page.getByRole('alert').getByText('users does not answer just now.').waitFor()
  api.faults.length = 0
  await page.getByLabel('Password').fill(account.password)
  await signInButton(page).click()
  await page.getByRole('alert').getByText('This browser did not keep the session').waitFor()
})

test(
  'session: a token that runs out is renewed unseen, before the request or after its refusal',
  { skip },
  async () => {
    await using house = await openHouse('/orders', {}, (api) => {
      withoutDemo(api)
      api.people.signIn('mary')
    })
    const { page, api } = house
    await page.getByRole('heading', { name: 'No orders yet' }).waitFor()
    assert.equal(api.people.refreshes, 0)
    // Run out without this page knowing: refused, renewed, asked again.
    api.people.isAccessGood = false
    await page.getByRole('button', { name: 'Place an order' }).click()
    await page.getByLabel(/Mug with a mill wheel/).fill('1')
    await page.getByRole('button', { name: 'Place order' }).click()
    await page.getByRole('heading', { name: 'Order 1' }).waitFor()
    assert.equal(api.shop.orders.length, 1)
    assert.equal(api.people.refreshes, 1)
    // About to run out, and known to: renewed before it is refused.
    await page.evaluate(() => {
      localStorage.setItem('millrace.session-expires-at', String(Date.now() + 1_000))
    })
    await page.reload()
    await page.getByRole('heading', { name: 'Order 1' }).waitFor()
    // Once, or once more where the reload cut off a renewal of the page before. The heading stands there before it.
    await eventually('the token is renewed', () => api.people.refreshes >= 2)
    await accountMenu(page).waitFor()
    assert.deepEqual(house.errors, [])
  },
)

test(
  'session: while users is away nobody is signed out; it goes on when users is back',
  { skip },
  async () => {
    await using house = await openHouse('/orders', {}, (api) => {
      withoutDemo(api)
      api.people.signIn('mary')
      api.people.isAccessGood = false
      const problem = { title: 'Service Unavailable', detail: 'users does not answer just now.' }
      api.faults.push({ path: '/api/me/refresh', status: 503, problem })
    })
    const { page, api } = house
    await page.getByRole('alert').getByText('users does not answer just now.').waitFor()
    assert.equal(new URL(page.url()).pathname, '/orders')
    api.faults.length = 0
    await page.getByRole('heading', { name: 'No orders yet' }).waitFor()
    await accountMenu(page).waitFor()
  },
)

test(
  'session: one that is over says so, keeps nothing on the page, and leads back',
  { skip },
  async () => {
    await using house = await openHouse('/sign-in?back=%2Fpeople%2Fmary', {}, withoutDemo)
    const { page, api } = house
    await fillIn(page)
    await signInButton(page).click()
    await page.getByRole('heading', { name: 'Mary Shaw' }).waitFor()
    await page.getByRole('button', { name: 'Change', exact: true }).click()
    await page.getByLabel('Country').fill('Ireland')
    // What the page asks for by itself would meet the end before.
    api.people.endsAtChange = true
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Your session has ended.').waitFor()
    await page.getByText('Mary Shaw').first().waitFor({ state: 'hidden' })
    await fillIn(page)
    await signInButton(page).click()
    await page.getByRole('heading', { name: 'Mary Shaw' }).waitFor()
    assert.deepEqual(house.errors, [])
  },
)

test(
  'register: refused fields are named, a taken address is told after its password failed, then it signs in',
  { skip },
  async () => {
    await using house = await openHouse('/discussions', {}, withoutDemo)
    const { page, api } = house
    await page.getByRole('link', { name: 'Register' }).click()
    await page.getByLabel('Name').fill('Emmy Noether')
    await page.getByLabel('E-mail address').fill(account.email)
    await page.getByLabel('Password').fill('short')
    await page.getByRole('button', { name: 'Register and sign in' }).click()
    await page.locator('.fault', { hasText: 'must have at least 10 characters' }).waitFor()
    await page.getByLabel('Password').fill('rings and ideals')
    await page.getByRole('button', { name: 'Register and sign in' }).click()
    await page.getByText('has an account already, with another password').waitFor()
    await page.getByLabel('E-mail address').fill('emmy@example.org')
    await page.getByRole('button', { name: 'Register and sign in' }).click()
    await page.getByRole('button', { name: /^Signed in as Emmy Noether/ }).waitFor()
    await page.getByRole('heading', { name: 'Discussions' }).waitFor()
    assert.equal(api.people.people.at(-1)?.email, 'emmy@example.org')
    assert.deepEqual(house.errors, [])
  },
)

test(
  'development: the demo user is shown as such, may sign in as somebody else, and be a demo user again',
  { skip },
  async () => {
    await using house = await openHouse('/orders')
    const { page, api } = house
    await page.getByRole('button', { name: 'Acting as Ada, demo. Switch person' }).click()
    await page.getByText('You are a demo user: nobody signed in.').waitFor()
    await page.getByRole('menuitem', { name: 'Sign in as somebody else' }).click()
    await page.getByRole('heading', { name: 'You are the demo user Ada' }).waitFor()
    await fillIn(page)
    await signInButton(page).click()
    await accountMenu(page).click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    await page.getByRole('button', { name: 'Go on as Ada' }).click()
    await page.getByRole('button', { name: /^Acting as Ada, demo/ }).waitFor()
    assert.equal(api.people.signedInAs, null)
    assert.deepEqual(house.errors, [])
  },
)

for (const view of [
  { theme: 'light', width: 360 },
  { theme: 'dark', width: 1280 },
] as const)
  test(
    `sign-in and registration, ${view.theme}, ${view.width} px: accessible, no sideways scroll, no error`,
    { skip },
    async () => {
      await using house = await openHouse('/sign-in?why=ended', view)
      const { page } = house
      await page.getByRole('heading', { name: 'You are the demo user Ada' }).waitFor()
      await fillIn(page, 'another one entirely')
      await signInButton(page).click()
      await page.getByText('do not belong together').waitFor()
      await assertAccessible(page)
      await assertNoSidewaysScroll(page)
      await page.getByRole('link', { name: 'Register' }).click()
      await page.getByRole('heading', { name: 'Register' }).waitFor()
      await assertAccessible(page)
      await assertNoSidewaysScroll(page)
      assert.deepEqual(house.errors, [])
    },
  )
