import { randomInt, seededRandom, systemClock, uuidv7, type Random } from '@millrace/core'
import type { PromiseRecord, ThreadRecord } from './promise-record.ts'

export interface LoadOptions {
  readonly gatewayUrl: string
  readonly record: PromiseRecord
  readonly seed: number
  /** People acting at once, each one request at a time. */
  readonly people?: number
  /** Pause of each person between two requests, ms. */
  readonly pauseMs?: number
  readonly threadsAtStart?: number
}

interface Answer {
  readonly status: number
  readonly body: unknown
  readonly eventId: string | null
}

const courses = ['load/one', 'load/two', 'load%three', 'load four']
const requestTimeoutMs = 60_000

/** People who post, read, comment and vote through the gateway, and write down each promise they get. */
export class LoadDriver {
  readonly #options: LoadOptions
  readonly #random: Random
  readonly #stop = new AbortController()
  readonly #workers: Promise<void>[] = []
  #people: readonly string[] = []

  constructor(options: LoadOptions) {
    this.#options = options
    this.#random = seededRandom(options.seed)
  }

  async start(): Promise<void> {
    this.#people = await this.#demoPeople()
    for (let index = 0; index < (this.#options.threadsAtStart ?? 8); index++)
      await this.#createThread(this.#person(index))
    const people = this.#options.people ?? 6
    for (let index = 0; index < people; index++)
      this.#workers.push(this.#act(this.#person(index), index))
  }

  /** Lets requests under way end. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#workers)
  }

  /** Also when the test failed: requests of a load nobody stops would keep the process alive. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #person(index: number): string {
    const person = this.#people[index % this.#people.length]
    if (person === undefined) throw new Error('the gateway has no demo people')
    return person
  }

  async #demoPeople(): Promise<readonly string[]> {
    const response = await fetch(`${this.#options.gatewayUrl}/api/demo-users`)
    const body = (await response.json()) as {
      readonly users: readonly { readonly userId: string }[]
    }
    return body.users.map((user) => user.userId)
  }

  async #act(person: string, index: number): Promise<void> {
    const random = seededRandom(this.#options.seed * 1_000 + index)
    while (!this.#stop.signal.aborted) {
      const threads = [...this.#options.record.threads.values()]
      const thread = threads[randomInt(random, threads.length)]
      const dice = random.float()
      if (thread === undefined || dice < 0.03) await this.#createThread(person)
      else if (dice < 0.4) await this.#view(person, thread)
      else if (dice < 0.7) await this.#comment(person, thread, random)
      else if (dice < 0.95) await this.#vote(person, thread, random)
      else await this.#deleteComment(person, thread)
      await systemClock.sleep(this.#options.pauseMs ?? 20)
    }
  }

  async #createThread(person: string): Promise<void> {
    const courseId = courses[randomInt(this.#random, courses.length)] ?? 'load/one'
    const answer = await this.#request(person, 'POST', '/threads', {
      courseId,
      title: `Thread of ${person}`,
      content: 'Under load.',
    })
    if (answer !== undefined && answer.status === 201)
      this.#options.record.addThread((answer.body as { id: string }).id, courseId, person)
  }

  async #view(person: string, thread: ThreadRecord): Promise<void> {
    const answer = await this.#request(person, 'GET', `/threads/${thread.id}`)
    if (answer === undefined) thread.unansweredViews++
    else if (answer.status === 200) thread.acknowledgedViews++
  }

  async #comment(person: string, thread: ThreadRecord, random: Random): Promise<void> {
    const content = `comment ${uuidv7()}`
    const parents = [...thread.comments.keys()]
    const parentId = random.float() < 0.3 ? parents[randomInt(random, parents.length)] : undefined
    const answer = await this.#request(person, 'POST', `/threads/${thread.id}/comments`, {
      content,
      ...(parentId ? { parentId } : {}),
    })
    if (answer === undefined) thread.unansweredComments.add(content)
    else if (answer.status === 201) thread.comments.set((answer.body as { id: string }).id, person)
  }

  async #vote(person: string, thread: ThreadRecord, random: Random): Promise<void> {
    const posts = [thread.id, ...thread.comments.keys()]
    const post = posts[randomInt(random, posts.length)] ?? thread.id
    const key = `${person} ${post}`
    // A vote that got no answer stays unknown: nobody touches it again, so its bounds stay narrow.
    if (thread.votes.get(key) === 'unknown') return
    const path =
      post === thread.id
        ? `/threads/${thread.id}/votes`
        : `/threads/${thread.id}/comments/${post}/votes`
    const isWithdrawal =
      thread.votes.get(key) !== undefined &&
      thread.votes.get(key) !== 'none' &&
      random.float() < 0.3
    const isUp = random.float() < 0.75
    const answer = isWithdrawal
      ? await this.#request(person, 'DELETE', path)
      : await this.#request(person, 'POST', path, { value: isUp ? 1 : -1 })
    if (answer === undefined) thread.votes.set(key, 'unknown')
    else if (answer.status >= 200 && answer.status < 300)
      thread.votes.set(key, isWithdrawal ? 'none' : isUp ? 'up' : 'down')
  }

  async #deleteComment(person: string, thread: ThreadRecord): Promise<void> {
    const own = [...thread.comments].find(
      ([id, author]) => author === person && !thread.unansweredDeletions.has(id),
    )
    if (own === undefined) return
    const [id] = own
    const answer = await this.#request(person, 'DELETE', `/threads/${thread.id}/comments/${id}`)
    if (answer === undefined) thread.unansweredDeletions.add(id)
    else if (answer.status >= 200 && answer.status < 300) {
      thread.comments.delete(id)
      thread.deletedComments.add(id)
    }
  }

  /** Undefined when nobody can say whether it took effect: no answer, or an answer that only says something broke. */
  async #request(
    person: string,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<Answer | undefined> {
    const { record, gatewayUrl } = this.#options
    try {
      const response = await fetch(`${gatewayUrl}/api/discussions${path}`, {
        method,
        headers: {
          'x-demo-user': person,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(requestTimeoutMs),
      })
      const text = await response.text()
      if (response.status >= 500) {
        record.unanswered++
        return undefined
      }
      const eventId = response.headers.get('x-event-id')
      if (response.status < 300) {
        record.acknowledged++
        if (eventId) record.eventIds.add(eventId)
      } else {
        record.refused++
      }
      return { status: response.status, body: text === '' ? undefined : JSON.parse(text), eventId }
    } catch {
      record.unanswered++
      return undefined
    }
  }
}
