import {
  commentAdded,
  commentDeleted,
  commentEdited,
  discussionTimes,
  threadCreated,
  threadDeleted,
  threadEdited,
  threadViewed,
  voteCast,
  voteWithdrawn,
} from '@millrace/contracts'
import type { DataOf, EventContract, EventEnvelope } from '@millrace/events'
import { AnalyticsError } from '../errors.ts'

/** What a post may gain or lose. */
export interface Counts {
  views: number
  comments: number
  upvotes: number
  downvotes: number
  accepts: number
  favorites: number
}

/** What a batch of events changes about one thread. */
export interface ThreadChange {
  readonly threadId: string
  readonly courseId: string
  /** The newest title the events name; null when they name none. */
  title: string | null
  isDeleted: boolean
  /** When the latest of the events happened, ms since the epoch. */
  lastActivityMs: number
  readonly total: Counts
  /** By UTC day, `YYYY-MM-DD`. */
  readonly days: Map<string, Counts>
  /** Posts gained or lost, by author. */
  readonly posts: Map<string, number>
}

type VoteKind = DataOf<typeof voteCast>['kind']

const countOfVote = {
  up: 'upvotes',
  down: 'downvotes',
  accept: 'accepts',
  favorite: 'favorites',
} as const satisfies Record<VoteKind, keyof Counts>

/** Figures with nothing in them. */
export function noCounts(): Counts {
  return { views: 0, comments: 0, upvotes: 0, downvotes: 0, accepts: 0, favorites: 0 }
}

/**
 * Folds events into one change per thread. Pure sums, so the order between threads does not matter.
 * @throws AnalyticsError `MR_ANALYTICS_BAD_TIME` for a time that is none
 */
export function foldEvents(events: readonly EventEnvelope[]): readonly ThreadChange[] {
  const changes = new Map<string, ThreadChange>()
  for (const event of events) {
    const apply = appliers.get(event.eventType)
    if (!apply) continue
    const { threadId, courseId } = event.data as {
      readonly threadId: string
      readonly courseId: string
    }
    const atMs = timeMsOf(event.timestamp)
    let change = changes.get(threadId)
    if (!change) {
      change = emptyChange(threadId, courseId, atMs)
      changes.set(threadId, change)
    }
    change.lastActivityMs = Math.max(change.lastActivityMs, atMs)
    apply(change, event.data, dayOfMs(atMs))
  }
  return [...changes.values()]
}

function emptyChange(threadId: string, courseId: string, atMs: number): ThreadChange {
  return {
    threadId,
    courseId,
    title: null,
    isDeleted: false,
    lastActivityMs: atMs,
    total: noCounts(),
    days: new Map(),
    posts: new Map(),
  }
}

type Apply = (change: ThreadChange, data: unknown, day: string) => void

/** Ties an event's contract to what it does, so that `data` has its type. */
function on<Contract extends EventContract>(
  contract: Contract,
  apply: (change: ThreadChange, data: DataOf<Contract>, day: string) => void,
): readonly [string, Apply] {
  return [contract.eventType, apply as Apply]
}

const appliers: ReadonlyMap<string, Apply> = new Map([
  on(threadCreated, (change, data) => {
    change.title = data.title
    addPost(change, data.authorId, 1)
  }),
  on(threadEdited, (change, data) => {
    change.title = data.title
  }),
  on(threadDeleted, (change) => {
    change.isDeleted = true
  }),
  on(threadViewed, (change, data, day) => add(change, day, 'views', data.count)),
  on(commentAdded, (change, data, day) => {
    add(change, day, 'comments', 1)
    addPost(change, data.authorId, 1)
  }),
  on(commentEdited, () => {}),
  on(commentDeleted, (change, data) => {
    add(change, dayOf(data.commentedAt), 'comments', -1)
    addPost(change, data.authorId, -1)
    for (const vote of data.removedVotes)
      add(change, dayOf(vote.day), countOfVote[vote.kind], -vote.count)
  }),
  on(voteCast, (change, data, day) => {
    add(change, day, countOfVote[data.kind], 1)
    if (data.previous) add(change, dayOf(data.previous.castAt), countOfVote[data.previous.kind], -1)
  }),
  on(voteWithdrawn, (change, data) => add(change, dayOf(data.castAt), countOfVote[data.kind], -1)),
])

function add(change: ThreadChange, day: string, what: keyof Counts, count: number): void {
  change.total[what] += count
  let counts = change.days.get(day)
  if (!counts) {
    counts = noCounts()
    change.days.set(day, counts)
  }
  counts[what] += count
}

/** Unknown authors are nobody: they do not take part. */
function addPost(change: ThreadChange, authorId: string | null, count: number): void {
  if (authorId === null) return
  change.posts.set(authorId, (change.posts.get(authorId) ?? 0) + count)
}

function dayOf(time: string): string {
  return dayOfMs(timeMsOf(time))
}

function dayOfMs(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10)
}

function timeMsOf(time: string): number {
  const timeMs = Date.parse(time)
  if (timeMs >= discussionTimes.fromMs && timeMs < discussionTimes.endMs) return timeMs
  throw new AnalyticsError(
    'MR_ANALYTICS_BAD_TIME',
    `"${time}" is not a time between the years 1901 and 9999; the event is not counted. Mend its producer.`,
    { time },
  )
}
