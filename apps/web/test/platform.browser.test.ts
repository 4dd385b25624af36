import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Page } from 'playwright-core'
import { browserMissing, openPage } from './fixture/browser.ts'
import { pressPair } from './fixture/keys.ts'
import { withPageTold } from './fixture/told.ts'

const skip = browserMissing()
const startScript = fileURLToPath(new URL('../../../dev/bin/start.mjs', import.meta.url))

const writeScript = fileURLToPath(
  new URL('../../../dev/test/tracking/write-view.ts', import.meta.url),
)

/** The whole platform as `npm start` runs it, on any free ports, with data of its own. */
async function startPlatform() {
  const data = await mkdtemp(join(tmpdir(), 'millrace-web-test-'))
  const child = spawn(process.execPath, [startScript, '--data', data, '--any-ports', '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const { url, postgres } = await readyUrls(child)
  return {
    url,
    /** The database of the discussions, for a writer that is not one of the services. */
    async databaseUrl(): Promise<string> {
      const password = await readFile(join(data, 'postgres', 'data', 'superuser-password'), 'utf8')
      return `postgres://postgres:${encodeURIComponent(password.trim())}@${postgres}/discussion_service_db`
    },
    async [Symbol.asyncDispose](): Promise<void> {
      // One that has ended already says so no more.
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit')
        child.kill('SIGTERM')
        await ended
      }
      await rm(data, { recursive: true, force: true })
    },
  }
}

async function readyUrls(child: ChildProcess): Promise<{ url: string; postgres: string }> {
  let postgres = ''
  const said: string[] = []
  for (const stream of [child.stdout, child.stderr]) assert.ok(stream)
  child.stderr?.on('data', (chunk: Buffer) => said.push(chunk.toString('utf8')))
  for await (const line of createInterface({ input: child.stdout! })) {
    said.push(line)
    postgres = /"name":"postgres","state":"ready","detail":"([^"]+)"/.exec(line)?.[1] ?? postgres
    const ready = /"event":"ready","url":"([^"]+)"/.exec(line)?.[1]
    if (ready !== undefined) {
      // Read on, or the full pipe would stop the platform.
      child.stdout?.resume()
      return { url: ready, postgres }
    }
  }
  throw new Error(`The platform ended before it was ready:\n${said.slice(-20).join('\n')}`)
}

test(
  'the real platform: an event is followed, a vote and a comment reach the aggregate, a failed event is mended, a past one replayed',
  { skip },
  async () => {
    await using platform = await startPlatform()
    await using opened = await openPage()
    const { page, errors } = opened
    await withPageTold(page, async () => {
      await page.goto(platform.url)
      await page.getByText(/^Live, all \d parts ready/).waitFor()
      // Looked for from before the click on: it moves for the 5 s that its rate is a mean of, and the walk may take longer than that.
      const moving = page.locator('[data-edge="relay-topic"][data-moving="true"]').waitFor()
      await Promise.all([
        moving,
        page.getByRole('button', { name: 'Open a new thread' }).click(),
        page.getByText(/^Arrived in/).waitFor(),
      ])

      await page.getByRole('link', { name: 'Journey' }).click()
      await page.getByText('All done').waitFor()
      await page.getByText(/^discussion-analytics handled it/).waitFor()
      await page.getByText('Byte for byte what was written.').waitFor()

      await pressPair(page, 'g', 'e')
      await page.getByRole('link', { name: 'thread_created' }).first().waitFor()

      await pressPair(page, 'g', 'd')
      await page.getByRole('link', { name: 'Where does my click go?' }).click()
      const figure = (unit: string, value: string) =>
        page.locator(`[data-figure="${unit}"]`, { hasText: value }).waitFor()
      await figure('views', '1')
      await page.getByRole('button', { name: /^Up vote this thread/ }).click()
      await figure('up votes', '1')
      await page.keyboard.press('c')
      await page.keyboard.type('To be sure.')
      await page.keyboard.press('Control+Enter')
      await figure('comments', '1')
      // 1 view + 5 × 1 comment + 3 × 1 vote
      await page.locator('.engagement-score', { hasText: '9' }).waitFor()
      await page.getByText('1 view + 5 × 1 comment + 3 × 1 vote').waitFor()
      const threadId = new URL(page.url()).pathname.split('/').at(-1) ?? ''
      await mendInTheConsole(page, await platform.databaseUrl(), threadId)
      await replayInTheConsole(page, threadId)
    })
    assert.deepEqual(errors, [])
  },
)

/** "A new user can take an event from pending to failed to mended in the console without reading anything." */
async function mendInTheConsole(page: Page, databaseUrl: string, threadId: string): Promise<void> {
  await page.getByRole('link', { name: 'Event log' }).click()
  await page.locator('.event-table').waitFor()
  // Long enough to be seen pending by a page that asks every 2 s, on a machine that does much else.
  const write = [writeScript, databaseUrl, threadId, 'a-course', '10000']
  const { stdout } = await promisify(execFile)(process.execPath, write)
  const row = page.locator('.event-table tbody tr', { hasText: stdout.trim().slice(-4) }).first()
  await row.getByText('pending', { exact: true }).waitFor()
  await row.getByText(/discussion-analytics failed/).waitFor()
  await row.getByRole('link', { name: 'Mend it at discussion-analytics' }).click()
  await page.getByRole('button', { name: 'Edit it, then redrive' }).click()
  const field = page.getByLabel('New payload')
  await field.fill((await field.inputValue()).replace('10000000000000000000', '1'))
  await page.getByRole('button', { name: 'See what it would do' }).click()
  await page.getByLabel('Why').fill('the count was nonsense')
  await page
    .getByRole('button', { name: 'Edit and redrive 1 event to group discussion-analytics' })
    .click()
  await page.getByRole('heading', { name: 'Mended: 1 event handled' }).waitFor()
  await page.getByRole('link', { name: 'thread_viewed' }).click()
  await page.getByText('All done').waitFor()
  await page.getByRole('link', { name: 'Failures' }).click()
  await page.getByRole('heading', { name: 'No failures, last 24 hours' }).waitFor()
}

/** Planned in the form, refused by the real service for what its handler is, forced, carried out by the real consumer. */
async function replayInTheConsole(page: Page, threadId: string): Promise<void> {
  await page.getByRole('link', { name: 'Operations', exact: true }).click()
  const plan = async (isForced: boolean): Promise<void> => {
    await page.getByRole('button', { name: 'Plan a replay' }).click()
    assert.equal(await page.getByLabel('Topic').inputValue(), 'discussion.events')
    await page.getByLabel('Only this type').fill('comment_added')
    await page.getByLabel('Only this key').fill(threadId)
    // The second that runs is not over yet when the form opens.
    await page.getByLabel('To, not included').fill('2100-01-01T00:00:00')
    if (isForced) await page.getByLabel(/^Also when it repeats effects/).check()
    await page.getByRole('button', { name: 'See what it would do' }).click()
  }
  await plan(false)
  await page.getByText(/adds to what it has built/).waitFor()
  assert.equal(await page.getByLabel('Why').count(), 0)
  await page.getByRole('link', { name: 'Operations' }).first().click()
  await plan(true)
  await page.getByRole('heading', { name: /^Replay 1 event to group/ }).waitFor()
  await page.getByText('It is forced: ').waitFor()
  await page.getByLabel('Why').fill('to see it counted twice')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: '1 event replayed' }).waitFor()
  await page.getByRole('link', { name: 'comment_added' }).click()
  await page.getByText(/^discussion-analytics handled it/).waitFor()
  await pressPair(page, 'g', 'd')
  await page.getByRole('link', { name: 'Where does my click go?' }).click()
  await page.locator('[data-figure="comments"]', { hasText: '2' }).waitFor()
}
