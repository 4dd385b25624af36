import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { browserMissing } from './fixture/browser.ts'
import { openHouse } from './fixture/house.ts'
import { pressPair } from './fixture/keys.ts'

const skip = browserMissing()
const thread = '/discussions/qc-q12'

const figure = (page: Page, unit: string) => page.locator(`[data-figure="${unit}"]`)

async function waitForText(page: Page, selector: string, text: string): Promise<void> {
  await page.locator(selector, { hasText: text }).first().waitFor()
}

test(
  'keyboard: from the list to a thread, comment and vote, without the mouse',
  { skip },
  async () => {
    await using house = await openHouse('/')
    const { page, api } = house
    await page.waitForSelector('.strip')
    await pressPair(page, 'g', 'd')
    await page.waitForSelector('.thread-list')
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    await page.keyboard.press('k')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: /How is a measurement drawn/ }).waitFor()
    await page.keyboard.press('c')
    // In a text field single keys are text.
    await page.keyboard.type('? u g d')
    await page.keyboard.press('Control+Enter')
    await page.getByRole('article', { name: 'answer by Ada' }).waitFor()
    await waitForText(page, '[data-figure="comments"]', '2')
    await page.locator('h1').click()
    await page.keyboard.press('u')
    await page
      .getByRole('button', { name: 'Up vote this thread, 1 so far', pressed: true })
      .waitFor()
    await waitForText(page, '[data-figure="up votes"]', '1')
    await page.keyboard.press('u')
    await page
      .getByRole('button', { name: 'Up vote this thread, 0 so far', pressed: false })
      .waitFor()
    const types = api.discussions.events.map(({ eventType }) => eventType)
    assert.deepEqual(types, ['thread_viewed', 'comment_added', 'vote_cast', 'vote_withdrawn'])
    assert.deepEqual(house.errors, [])
  },
)

test('keyboard: single keys can be turned off, and stay off', { skip }, async () => {
  await using house = await openHouse('/discussions')
  const { page } = house
  await page.waitForSelector('.thread-list')
  await page.keyboard.press('?')
  await page.getByRole('switch').click()
  await page.keyboard.press('Escape')
  await page.reload()
  await page.waitForSelector('.thread-list')
  await page.keyboard.press('c')
  await pressPair(page, 'g', 'o')
  assert.equal(await page.getByRole('dialog').count(), 0)
  assert.match(page.url(), /discussions$/)
})

test('a view is recorded once per visit, not by reading again', { skip }, async () => {
  await using house = await openHouse(thread)
  const { page, api } = house
  await waitForText(page, '[data-figure="views"]', '129')
  await page.getByRole('button', { name: /^Up vote this thread/ }).click()
  await waitForText(page, '[data-figure="up votes"]', '6')
  // Refused until it is seen: a page that reconnects shows so for a quarter of a second only.
  api.areStreamsRefused = true
  api.cutStreams()
  await page.getByText('Stale, reconnecting').waitFor()
  api.areStreamsRefused = false
  await page.getByText('Stale, reconnecting').waitFor({ state: 'hidden' })
  assert.equal(api.discussions.threads.get('qc-q12')?.viewCount, 129)
})

test(
  'catching up: an own vote is on its way until the aggregate has it, then it can be followed',
  { skip },
  async () => {
    await using house = await openHouse(thread)
    const { page, api } = house
    await waitForText(page, '[data-figure="views"]', '129')
    api.discussions.lagMs = Infinity
    await page.getByRole('button', { name: /^Up vote this thread/ }).click()
    await page.getByText('Catching up').waitFor()
    await page.getByText('Your vote is on its way').waitFor()
    assert.equal(await figure(page, 'up votes').textContent(), '5')
    api.discussions.catchUp()
    await waitForText(page, '[data-figure="up votes"]', '6')
    await page.getByText('Catching up').waitFor({ state: 'hidden' })
    await page.getByRole('button', { name: 'Follow this event' }).click()
    await page.getByText('discussion.events, partition 1, offset 42').waitFor()
    assert.match(page.url(), /event=/)
    await page.goBack()
    await page.getByRole('button', { name: 'Follow this event' }).waitFor()
  },
)

test('live: what others do appears by itself, but not under the pointer', { skip }, async () => {
  await using house = await openHouse(thread)
  const { page, api } = house
  await waitForText(page, '[data-figure="comments"]', '4')
  const row = api.discussions.threads.get('qc-q12')
  assert.ok(row)
  const say = (text: string): void => {
    api.discussions.addComment(row, text, 'alan')
    api.discussions.write('comment_added', row)
  }
  say('seen at once')
  await page.getByText('seen at once').waitFor()
  await page.getByText('A relative-phase Toffoli').hover()
  say('held back')
  await waitForText(page, '[data-figure="comments"]', '6')
  const chip = page.getByRole('button', { name: 'Held, show what is new' })
  await chip.waitFor()
  assert.equal(await page.getByText('held back').count(), 0)
  await page.keyboard.press('l')
  await page.getByText('held back').waitFor()
})

test(
  'reconnect: a cut stream is shown with its age, heals, and catches up on what was missed',
  { skip },
  async () => {
    await using house = await openHouse(thread)
    const { page, api } = house
    await waitForText(page, '[data-figure="views"]', '129')
    api.areStreamsRefused = true
    api.cutStreams()
    await page.getByText('Stale, reconnecting').waitFor()
    await page.getByRole('button', { name: /^Reconnecting/ }).waitFor()
    const row = api.discussions.threads.get('qc-q12')
    assert.ok(row)
    row.votes.set('u10', 1)
    api.discussions.write('vote_cast', row)
    api.areStreamsRefused = false
    await page
      .getByRole('button', { name: /^Reconnecting/ })
      .click({ timeout: 2000 })
      .catch(() => {
        // It may have healed by itself in between, which is as good.
      })
    await waitForText(page, '[data-figure="up votes"]', '6')
    await page.getByText('Stale, reconnecting').waitFor({ state: 'hidden' })
  },
)

test('own posts can be edited and deleted, those of others cannot', { skip }, async () => {
  await using house = await openHouse(thread)
  const { page } = house
  await page.getByRole('article', { name: 'answer by Alan' }).waitFor()
  assert.equal(await page.getByRole('button', { name: 'Edit' }).count(), 0)
  await page.getByRole('button', { name: /^Acting as Ada/ }).click()
  await page.getByRole('menuitemradio', { name: 'Grace' }).click()
  const own = page.getByRole('article', { name: 'comment by Grace' })
  await own.getByRole('button', { name: 'Edit' }).click()
  await own.getByRole('textbox').fill('Changed my mind.')
  await own.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Changed my mind.').waitFor()
  await own.getByRole('button', { name: 'Delete' }).click()
  await own.getByRole('button', { name: 'Delete this comment' }).click()
  await page.getByText('This comment was deleted.').waitFor()
})

test(
  'new thread: a refused field is named with its reason, nothing typed is lost',
  { skip },
  async () => {
    await using house = await openHouse('/discussions')
    const { page } = house
    await page.waitForSelector('.thread-list')
    await page.keyboard.press('c')
    await page.getByLabel('Course').last().fill('qc/new')
    await page.getByLabel('Title').fill('   ')
    await page.getByLabel('Text').fill('Some text')
    await page.getByRole('button', { name: 'Post thread' }).click()
    await page.getByText('must hold at least one visible character').first().waitFor()
    await page.getByText('MR_HTTP_INVALID').waitFor()
    assert.equal(await page.getByLabel('Text').inputValue(), 'Some text')
    await page.getByLabel('Title').fill('A real title')
    await page.getByRole('button', { name: 'Post thread' }).click()
    await page.getByRole('heading', { level: 1, name: 'A real title' }).waitFor()
  },
)

test(
  'a refused comment stays in its field; a refused vote is taken back and says why',
  { skip },
  async () => {
    await using house = await openHouse(thread)
    const { page, api } = house
    await page.getByLabel('Your comment').fill('bad')
    await page.getByRole('button', { name: 'Post comment' }).click()
    await page.getByText('is not a comment').first().waitFor()
    assert.equal(await page.getByLabel('Your comment').inputValue(), 'bad')
    api.faults.push({
      path: '/api/discussions/threads/qc-q12/votes',
      status: 409,
      problem: { title: 'The thread is closed', code: 'MR_CLOSED' },
    })
    await page.getByRole('button', { name: /^Up vote this thread/ }).click()
    await page.getByText('MR_CLOSED').waitFor()
    await page
      .getByRole('button', { name: 'Up vote this thread, 3 so far', pressed: false })
      .waitFor()
  },
)

test(
  'list: pages by cursor, filter in the address, back button, nothing matches',
  { skip },
  async () => {
    await using house = await openHouse('/discussions', {}, (api) => {
      for (let number = 0; number < 25; number++) {
        api.discussions.addThread({
          courseId: 'long',
          title: `Thread ${number}`,
          content: 'x',
          authorId: 'ada',
          createdAt: new Date(number).toISOString(),
        })
      }
    })
    const { page } = house
    await page.waitForSelector('.thread-list')
    assert.equal(await page.locator('[data-row]').count(), 20)
    await page.getByRole('button', { name: 'Older threads' }).click()
    await page.getByRole('link', { name: 'Thread 0', exact: true }).waitFor()
    assert.equal(await page.locator('[data-row]').count(), 31)
    await page.keyboard.press('/')
    await page.keyboard.type('nowhere')
    await page.keyboard.press('Enter')
    await page.getByText('Nothing matches').waitFor()
    assert.match(page.url(), /course=nowhere/)
    await page.getByRole('button', { name: 'Show all courses' }).click()
    await page.waitForSelector('.thread-list')
    await page.goBack()
    await page.getByText('Nothing matches').waitFor()
  },
)

test(
  'list: figures of the chosen course change in place, and so does its top list',
  { skip },
  async () => {
    await using house = await openHouse('/discussions')
    const { page, api } = house
    await page.locator('.course-index').getByRole('button', { name: 'qc/quantum-gate' }).click()
    const row = page.locator('.thread-list > li', { hasText: 'Toffoli' })
    // The click left the pointer where the top list appears: it must come all the same, and only then be held.
    await waitForText(page, '.top-threads li', '166')
    await row.hover()
    await row.getByTitle('128 views').waitFor()
    const thread = api.discussions.threads.get('qc-q12')
    assert.ok(thread)
    thread.viewCount += 1
    api.discussions.write('thread_viewed', thread)
    await row.getByTitle('129 views').waitFor()
    await waitForText(page, '.top-threads li', '167')
  },
)

test('list: nothing yet offers the act that changes it', { skip }, async () => {
  await using house = await openHouse('/discussions', {}, (api) => api.discussions.threads.clear())
  await house.page.getByText('No threads yet').waitFor()
  await house.page.getByRole('button', { name: 'Open the first thread' }).click()
  await house.page.getByRole('dialog', { name: 'New thread' }).waitFor()
})

test(
  'list: loading shows its shape; a failure shows reason, code and retry, never "no threads"',
  { skip },
  async () => {
    const seen = Promise.withResolvers<void>()
    await using house = await openHouse('/discussions', {}, (api) => {
      api.faults.push({
        path: '/api/discussions/threads',
        status: 503,
        until: seen.promise,
        problem: {
          title: 'Discussions is starting',
          detail: 'Postgres is not ready.',
          code: 'MR_X',
        },
      })
    })
    const { page, api } = house
    await page.getByRole('status', { name: 'Loading threads' }).waitFor()
    seen.resolve()
    await page.getByText('Discussions is starting').waitFor()
    await page.getByText('MR_X').waitFor()
    assert.equal(await page.getByText('No threads yet').count(), 0)
    api.faults.length = 0
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.waitForSelector('.thread-list')
  },
)

test('thread: forbidden says so and offers another person, missing says so', { skip }, async () => {
  await using house = await openHouse(thread, {}, (api) => {
    api.faults.push({
      path: '/api/discussions/threads/qc-q12',
      status: 403,
      problem: { title: 'Only for members of the course', code: 'MR_FORBIDDEN' },
    })
  })
  const { page } = house
  await page.getByText('Not allowed: Only for members of the course').waitFor()
  await page.getByText('Act as someone else').waitFor()
  await page.goto(`${house.base}/discussions/no-such-thread`)
  await page.getByText('No such thread').waitFor()
})

test('a part that becomes ready brings back what failed, without a click', { skip }, async () => {
  await using house = await openHouse('/discussions', {}, (api) => {
    api.parts['discussions'] = { state: 'starting' }
    api.faults.push({ path: '/api/discussions', status: 503 })
  })
  const { page, api } = house
  await page.getByRole('button', { name: 'Try again' }).waitFor()
  api.faults.length = 0
  api.parts['discussions'] = { state: 'up' }
  await page.waitForSelector('.thread-list')
})
