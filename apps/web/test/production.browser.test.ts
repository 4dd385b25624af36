import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { browserMissing, openPage } from './fixture/browser.ts'
import { builtApp } from './fixture/built-app.ts'
import { pressPair } from './fixture/keys.ts'
import { withPageTold } from './fixture/told.ts'

const skip = browserMissing()
const serveScript = fileURLToPath(
  new URL('../../../dev/test/identity/serve-production.ts', import.meta.url),
)
/** Longer than an access token is good. */
const afterExpiryMs = 601_000

/** Gateway, users and discussions in production mode, in a process of their own, with a clock that the test moves. */
async function startProduction() {
  await builtApp()
  const child = spawn(process.execPath, [serveScript], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const nextLine = async (): Promise<string> => {
    const { value, done } = await lines.next()
    if (done) throw new Error('The platform in production mode ended before its time')
    return value
  }
  const { url } = JSON.parse(await nextLine()) as { readonly url: string }
  return {
    // By name: cookies that are for https alone are kept for localhost.
    url: url.replace('127.0.0.1', 'localhost'),
    async advance(ms: number): Promise<void> {
      child.stdin.write(`${ms}\n`)
      assert.equal(await nextLine(), String(ms))
    },
    async [Symbol.asyncDispose](): Promise<void> {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.stdin.end()
      await ended
    },
  }
}

const email = 'ada@example.org'
const password = 'Bernoulli numbers 1843'
const nextPassword = 'Diagram for the computation'

const accountMenu = (page: Page) =>
  page.getByRole('button', { name: 'Signed in as Ada Lovelace. Account' })

async function signIn(page: Page, given: string): Promise<void> {
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password').fill(given)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

test(
  'production mode, real gateway and users: register, write, outlive access tokens in two tabs, change the password, sign out',
  { skip },
  async () => {
    await using production = await startProduction()
    await using opened = await openPage()
    const { page, context, errors } = opened
    const refreshed: number[] = []
    context.on('response', (response) => {
      if (response.url().endsWith('/api/me/refresh')) refreshed.push(response.status())
    })
    await withPageTold(page, async () => {
      await page.goto(`${production.url}/discussions?course=qc%2Fgates`)
      await page.getByRole('heading', { name: 'Sign in', exact: true }).waitFor()
      await page.getByRole('link', { name: 'Register' }).click()
      await page.getByLabel('Name').fill('Ada Lovelace')
      await page.getByLabel('E-mail address').fill(email)
      await page.getByLabel('Password').fill(password)
      await page.getByRole('button', { name: 'Register and sign in' }).click()
      await accountMenu(page).waitFor()
      await page.getByRole('heading', { name: 'Discussions', exact: true }).waitFor()
      assert.equal(new URL(page.url()).searchParams.get('course'), 'qc/gates')

      // Only the services' clock moves: the page learns by the refusal, renews, and sends the thread again. Once.
      await production.advance(afterExpiryMs)
      await page.keyboard.press('c')
      await page.getByLabel('Title').fill('Why unitary?')
      await page.getByLabel('Text').fill('What if it were not?')
      await page.getByRole('button', { name: 'Post thread' }).click()
      await page.getByRole('heading', { name: 'Why unitary?' }).waitFor()
      assert.ok(refreshed.includes(200), refreshed.join())

      // A token that two tabs renew at once would look stolen, and end the session for both.
      const other = await context.newPage()
      await other.goto(`${production.url}/discussions`)
      await other.getByRole('link', { name: 'Why unitary?' }).first().waitFor()
      const tabs = [page, other]
      const addresses = tabs.map((tab) => tab.url())
      await Promise.all(tabs.map((tab) => tab.goto('about:blank')))
      await production.advance(afterExpiryMs)
      await Promise.all(tabs.map((tab, index) => tab.goto(addresses[index] ?? '')))
      for (const tab of tabs) {
        await accountMenu(tab).waitFor()
        await tab.getByText('Why unitary?').first().waitFor()
      }
      await other.close()
      await production.advance(afterExpiryMs)

      await accountMenu(page).click()
      await page.getByRole('menuitem', { name: 'Profile and password' }).click()
      await page.getByRole('heading', { name: 'Ada Lovelace' }).waitFor()
      await page.getByLabel('Current password').fill(password)
      await page.getByLabel('New password').fill(nextPassword)
      await page.getByRole('button', { name: 'Change password' }).click()
      await page.getByText('You are signed in with the new one.').waitFor()
      await page.getByText('ended: the password was changed').waitFor()

      await page.getByRole('button', { name: 'Sign out everywhere' }).click()
      await page.getByText('ended everywhere by its owner').waitFor()
      await production.advance(afterExpiryMs)
      // Asks for something, unless the page has done so by itself and is at the sign-in by now.
      await pressPair(page, 'g', 'd')
      await page.getByText('Your session has ended.').waitFor()
      await signIn(page, password)
      await page.getByText('E-mail address and password do not belong together').waitFor()
      await signIn(page, nextPassword)
      await accountMenu(page).click()
      await page.getByRole('menuitem', { name: 'Sign out' }).click()
      await page.getByRole('heading', { name: 'Sign in', exact: true }).waitFor()
      await page.goto(`${production.url}/people`)
      await page.getByRole('heading', { name: 'Sign in', exact: true }).waitFor()
    })
    assert.deepEqual(errors, [])
  },
)
