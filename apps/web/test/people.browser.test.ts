import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertAccessible } from './fixture/accessibility.ts'
import { browserMissing } from './fixture/browser.ts'
import { openHouse } from './fixture/house.ts'
import type { MockApi } from './fixture/mock-api.ts'
import { account } from './fixture/mock-people.ts'

const skip = browserMissing()

/** Barbara, a demo person, is an admin. */
function asAdmin({ people }: MockApi): void {
  people.actAs('barbara')
}

function asMary({ people }: MockApi): void {
  people.signIn('mary')
}

test(
  'people: the list is for staff; a customer is led to the own profile, a demo user to an admin',
  { skip },
  async () => {
    await using house = await openHouse('/people')
    const { page } = house
    await page.getByRole('heading', { name: 'The list of people is for staff' }).waitFor()
    await page.getByRole('link', { name: 'To your own profile' }).click()
    await page.getByRole('heading', { name: 'Ada', exact: true }).waitFor()
    await page.getByText('Without an e-mail address there is no password').waitFor()
    await page.getByRole('link', { name: 'People' }).last().click()
    await page.getByRole('button', { name: 'Act as Barbara, who is an admin' }).click()
    await page.getByRole('link', { name: 'Mary Shaw' }).waitFor()
    assert.deepEqual(house.errors, [])
  },
)

test('people: found by text and role, older ones on demand', { skip }, async () => {
  await using house = await openHouse('/people', {}, (api) => {
    asAdmin(api)
    for (let index = 1; index <= 60; index++)
      api.people.people.push({
        id: `customer-${index}`,
        name: `Customer ${index}`,
        email: null,
        roles: ['customer'],
        country: 'France',
        createdAt: new Date(Date.now() - (100 + index) * 86_400_000).toISOString(),
      })
  })
  const { page } = house
  await page.getByRole('link', { name: 'Mary Shaw' }).waitFor()
  assert.equal(await page.locator('.people-table tbody tr').count(), 50)
  await page.getByRole('button', { name: 'Older accounts' }).click()
  await page.getByRole('link', { name: 'Customer 60' }).waitFor()
  await page.getByRole('link', { name: 'Staff', exact: true }).click()
  await page.getByRole('link', { name: 'Mary Shaw' }).waitFor({ state: 'hidden' })
  await page.getByRole('link', { name: 'Grace' }).waitFor()
  await page.getByLabel('Find').fill('mary@')
  await page.keyboard.press('Enter')
  await page.getByText('has “mary@” in it and the role staff').waitFor()
  await page.getByRole('link', { name: 'Show everybody' }).click()
  await page.getByRole('link', { name: 'Mary Shaw' }).waitFor()
})

test(
  'people: a list that cannot be read says why, and comes when asked again',
  { skip },
  async () => {
    const held = Promise.withResolvers<void>()
    await using house = await openHouse('/people', {}, (api) => {
      asAdmin(api)
      api.faults.push({
        path: '/api/users',
        status: 503,
        until: held.promise,
        problem: { title: 'The users service does not answer', code: 'MR_GATEWAY_SERVICE_DOWN' },
      })
    })
    const { page, api } = house
    await page.getByRole('status', { name: 'Loading people' }).waitFor()
    held.resolve()
    await page.getByRole('alert').getByText('The users service does not answer').waitFor()
    assert.equal(await page.getByText('Nobody').count(), 0)
    // Until then the page may ask again by itself, and the button be gone.
    await page.getByText(/^Live, all/).waitFor()
    api.faults.length = 0
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByRole('link', { name: 'Mary Shaw' }).waitFor()
  },
)

test(
  'person: an admin registers, gives a role, ends sessions and removes with the name as confirmation',
  { skip },
  async () => {
    await using house = await openHouse('/people', {}, (api) => {
      asMary(api)
      asAdmin(api)
    })
    const { page, api } = house
    await page.getByRole('button', { name: 'Register somebody' }).click()
    await assertAccessible(page)
    await page.getByLabel('Name').fill('Emmy Noether')
    await page.getByLabel('E-mail address').fill(account.email)
    await page.getByLabel('Password').fill('rings and ideals')
    await page.getByRole('button', { name: 'Register', exact: true }).click()
    await page.getByRole('alert').getByText('has an account already').first().waitFor()
    await page.getByLabel('E-mail address').fill('emmy@example.org')
    await page.getByRole('button', { name: 'Register', exact: true }).click()
    await page.getByRole('heading', { name: 'Emmy Noether' }).waitFor()
    await page.getByText('Never signed in').waitFor()

    await page.goto(`${house.base}/people/mary`)
    await page.getByRole('checkbox', { name: /^staff/ }).check()
    await page.getByRole('button', { name: 'Save roles' }).click()
    await page.locator('.person-head').getByText('staff').waitFor()
    assert.deepEqual(api.people.people.find(({ id }) => id === 'mary')?.roles, [
      'customer',
      'staff',
    ])
    await page.getByRole('button', { name: 'End all sessions' }).click()
    await page.getByText('ended by an admin').waitFor()
    await page.getByRole('button', { name: 'Remove Mary Shaw' }).click()
    const remove = page.getByRole('button', { name: 'Remove for good' })
    assert.equal(await remove.isDisabled(), true)
    await page.getByLabel('Type Mary Shaw to confirm').fill('Mary Shaw')
    await remove.click()
    await page.getByRole('heading', { name: 'People', exact: true }).waitFor()
    await page.getByRole('link', { name: 'Emmy Noether' }).waitFor()
    assert.equal(await page.getByRole('link', { name: 'Mary Shaw' }).count(), 0)
    await page.goto(`${house.base}/people/mary`)
    await page.getByRole('heading', { name: 'There is nobody with this id' }).waitFor()
    assert.deepEqual(house.errors, [])
  },
)

test(
  'person: one changes the own profile and password, and sees orders and sessions',
  { skip },
  async () => {
    await using house = await openHouse('/people/mary', {}, asMary)
    const { page, api } = house
    await page.getByRole('heading', { name: 'Mary Shaw' }).waitFor()
    assert.equal(await page.getByRole('heading', { name: 'Roles' }).count(), 0)
    await page.getByText('No orders yet.').waitFor()
    await page.getByText('open', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Change', exact: true }).click()
    await page.getByLabel('Name').fill('Mary S.')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('heading', { name: 'Mary S.' }).waitFor()
    // The session is told as well: its token carries the name.
    await page.getByRole('button', { name: /^Signed in as Mary S\./ }).waitFor()
    await page.getByLabel('Current password').fill('not this one at all')
    await page.getByLabel('New password').fill('difference engines')
    await page.getByRole('button', { name: 'Change password' }).click()
    await page.getByText('is another one; nothing was changed').waitFor()
    await page.getByLabel('Current password').fill(account.password)
    await page.getByRole('button', { name: 'Change password' }).click()
    await page.getByText('You are signed in with the new one.').waitFor()
    await page.getByText('ended: the password was changed').waitFor()
    assert.equal(api.people.passwords.get(account.email), 'difference engines')
    assert.deepEqual(house.errors, [])
  },
)

test('person: orders of one lead to the Orders page with them alone', { skip }, async () => {
  await using house = await openHouse('/people/ada', {}, ({ shop }) => {
    shop.add([{ sku: 'MR-MUG', quantity: 2 }])
  })
  const { page } = house
  await page.getByText('£15.00').waitFor()
  await page.getByRole('link', { name: 'All of them' }).click()
  await page.getByText('Only orders of').waitFor()
  assert.equal(new URL(page.url()).search, '?customer=ada')
  await page.getByRole('link', { name: 'Show everybody’s' }).click()
  await page.getByText('Only orders of').waitFor({ state: 'hidden' })
})
