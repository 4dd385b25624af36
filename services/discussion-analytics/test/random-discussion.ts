import {
  commentAdded,
  commentDeleted,
  commentEdited,
  threadCreated,
  threadDeleted,
  threadEdited,
  threadViewed,
  voteCast,
  voteWithdrawn,
} from '@millrace/contracts'
import { randomInt, uuidv7, type Random } from '@millrace/core'
import { createEvent, type DataOf, type EventContract, type EventEnvelope } from '@millrace/events'

export type VoteKind = 'up' | 'down' | 'accept' | 'favorite'

interface Vote {
  readonly postId: string
  readonly voterId: string | null
  readonly kind: VoteKind
  readonly at: string
}

interface Comment {
  readonly id: string
  readonly authorId: string | null
  readonly at: string
}

/** What a thread holds in the end: things, not sums. The tests count them. */
export interface ThreadTruth {
  readonly threadId: string
  readonly courseId: string
  readonly authorId: string | null
  title: string
  isDeleted: boolean
  lastActivityAt: string
  readonly views: { readonly at: string; readonly count: number }[]
  comments: Comment[]
  votes: Vote[]
}

export interface Expected {
  readonly viewCount: number
  readonly commentCount: number
  readonly upvotes: number
  readonly downvotes: number
  readonly accepts: number
  readonly favorites: number
  readonly participants: number
}

const kinds: readonly VoteKind[] = ['up', 'down', 'accept', 'favorite']
const dayMs = 86_400_000

/**
 * People who talk at random, over a week, and the events of it. Independent of the code under test: it keeps the comments and
 * votes that stand, and counts those.
 */
export class RandomDiscussion {
  readonly threads: ThreadTruth[] = []
  readonly events: EventEnvelope[] = []
  readonly #random: Random
  readonly #startMs: number
  #serial = 0

  constructor(random: Random, startMs = Date.UTC(2026, 0, 5)) {
    this.#random = random
    this.#startMs = startMs
  }

  run(steps: number): void {
    this.#createThread()
    for (let step = 0; step < steps; step++) this.#step()
  }

  /** The events in another order: each thread's stay in theirs, the threads are shuffled among each other. */
  interleaved(): readonly EventEnvelope[] {
    const queues = [...Map.groupBy(this.events, (event) => event.aggregateId).values()]
    const order: EventEnvelope[] = []
    while (queues.length > 0) {
      const index = randomInt(this.#random, queues.length)
      const queue = queues[index]
      const next = queue?.shift()
      if (next) order.push(next)
      if (queue?.length === 0) queues.splice(index, 1)
    }
    return order
  }

  #step(): void {
    const thread = this.#pick(this.threads)
    if (!thread || this.#random.float() < 0.06) return this.#createThread()
    if (thread.isDeleted) return
    const roll = this.#random.float()
    if (roll < 0.25) this.#view(thread)
    else if (roll < 0.5) this.#comment(thread)
    else if (roll < 0.8) this.#vote(thread)
    else if (roll < 0.88) this.#withdraw(thread)
    else if (roll < 0.95) this.#deleteComment(thread)
    else if (roll < 0.99) this.#edit(thread)
    else this.#deleteThread(thread)
  }

  #createThread(): void {
    const threadId = `t${++this.#serial}`
    const courseId = this.#pick(['qc/one', 'qc/two', 'drei']) ?? 'drei'
    const authorId = this.#person()
    const at = this.#time()
    const title = `Thread ${threadId}`
    this.threads.push({
      threadId,
      courseId,
      authorId,
      title,
      isDeleted: false,
      lastActivityAt: at,
      views: [],
      comments: [],
      votes: [],
    })
    this.#emit(threadCreated, at, { threadId, courseId, authorId, title })
  }

  #view(thread: ThreadTruth): void {
    const at = this.#time()
    const count = 1 + randomInt(this.#random, 40)
    thread.views.push({ at, count })
    this.#emit(threadViewed, at, { ...idsOf(thread), viewerId: this.#person(), count })
    this.#touch(thread, at)
  }

  #comment(thread: ThreadTruth): void {
    const comment = { id: `c${++this.#serial}`, authorId: this.#person(), at: this.#time() }
    const parentId = this.#pick(thread.comments)?.id ?? null
    thread.comments.push(comment)
    this.#emit(commentAdded, comment.at, {
      ...idsOf(thread),
      commentId: comment.id,
      parentId,
      authorId: comment.authorId,
    })
    this.#touch(thread, comment.at)
  }

  #vote(thread: ThreadTruth): void {
    const at = this.#time()
    const postId = this.#pick([thread.threadId, ...thread.comments.map((each) => each.id)]) ?? ''
    const voterId = this.#person()
    const kind = this.#pick(kinds) ?? 'up'
    const previous =
      voterId === null
        ? undefined
        : thread.votes.find((vote) => vote.postId === postId && vote.voterId === voterId)
    thread.votes = thread.votes.filter((vote) => vote !== previous)
    thread.votes.push({ postId, voterId, kind, at })
    this.#emit(voteCast, at, {
      ...idsOf(thread),
      postId,
      voterId,
      kind,
      previous: previous ? { kind: previous.kind, castAt: previous.at } : null,
    })
    this.#touch(thread, at)
  }

  #withdraw(thread: ThreadTruth): void {
    const vote = this.#pick(thread.votes)
    if (!vote) return
    const at = this.#time()
    thread.votes = thread.votes.filter((each) => each !== vote)
    const { postId, voterId, kind } = vote
    this.#emit(voteWithdrawn, at, { ...idsOf(thread), postId, voterId, kind, castAt: vote.at })
    this.#touch(thread, at)
  }

  #deleteComment(thread: ThreadTruth): void {
    const comment = this.#pick(thread.comments)
    if (!comment) return
    const at = this.#time()
    const gone = thread.votes.filter((vote) => vote.postId === comment.id)
    thread.comments = thread.comments.filter((each) => each !== comment)
    thread.votes = thread.votes.filter((vote) => vote.postId !== comment.id)
    const groups = Map.groupBy(gone, (vote) => `${vote.at.slice(0, 10)} ${vote.kind}`)
    this.#emit(commentDeleted, at, {
      ...idsOf(thread),
      commentId: comment.id,
      authorId: comment.authorId,
      commentedAt: comment.at,
      removedVotes: [...groups].map(([key, votes]) => ({
        day: key.slice(0, 10),
        kind: key.slice(11) as VoteKind,
        count: votes.length,
      })),
    })
    this.#touch(thread, at)
  }

  #edit(thread: ThreadTruth): void {
    const at = this.#time()
    const comment = this.#pick(thread.comments)
    if (comment && this.#random.float() < 0.5)
      this.#emit(commentEdited, at, { ...idsOf(thread), commentId: comment.id })
    else {
      thread.title = `Edited ${++this.#serial}`
      this.#emit(threadEdited, at, { ...idsOf(thread), title: thread.title })
    }
    this.#touch(thread, at)
  }

  #deleteThread(thread: ThreadTruth): void {
    thread.isDeleted = true
    this.#emit(threadDeleted, this.#time(), idsOf(thread))
  }

  #touch(thread: ThreadTruth, at: string): void {
    if (at > thread.lastActivityAt) thread.lastActivityAt = at
  }

  #emit<Contract extends EventContract>(
    contract: Contract,
    at: string,
    data: DataOf<Contract> & { readonly threadId: string },
  ): void {
    this.events.push(
      createEvent({
        contract,
        source: 'test',
        aggregateId: data.threadId,
        aggregateVersion: null,
        data,
        context: { correlationId: uuidv7(), causationId: null },
        occurredAtMs: Date.parse(at),
      }),
    )
  }

  #person(): string | null {
    return this.#random.float() < 0.15 ? null : `p${randomInt(this.#random, 6)}`
  }

  /** Any moment of the week: imports bring times in any order. */
  #time(): string {
    return new Date(this.#startMs + randomInt(this.#random, 7 * dayMs)).toISOString()
  }

  #pick<T>(list: readonly T[]): T | undefined {
    return list[randomInt(this.#random, list.length)]
  }
}

/** The figures of a thread, counted from what stands; with a first day, of what happened since. */
export function figuresOf(thread: ThreadTruth, since = '0000'): Expected {
  const votesOf = (kind: VoteKind): number =>
    thread.votes.filter((vote) => vote.kind === kind && vote.at >= since).length
  const authors = [thread.authorId, ...thread.comments.map((each) => each.authorId)]
  return {
    viewCount: thread.views
      .filter((view) => view.at >= since)
      .reduce((sum, view) => sum + view.count, 0),
    commentCount: thread.comments.filter((each) => each.at >= since).length,
    upvotes: votesOf('up'),
    downvotes: votesOf('down'),
    accepts: votesOf('accept'),
    favorites: votesOf('favorite'),
    participants: new Set(authors.filter((author) => author !== null)).size,
  }
}

function idsOf(thread: ThreadTruth): { readonly threadId: string; readonly courseId: string } {
  return { threadId: thread.threadId, courseId: thread.courseId }
}
