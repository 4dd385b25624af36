import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

/** What a file of discussions says, computed from its lines alone: none of the platform's code takes part. */
export interface ExpectedThread {
  readonly threadId: string
  readonly courseId: string
  viewCount: number
  commentCount: number
  upvotes: number
  downvotes: number
  accepts: number
  favorites: number
  participants: number
  engagementScore: number
  lastActivityAt: string
}

interface Line {
  readonly type: 'thread' | 'comment' | 'vote' | 'view'
  readonly id: string
  readonly threadId: string
  readonly course: string
  readonly author: string | null
  readonly createdAt: string
  readonly vote?: 'up' | 'down' | 'accept' | 'favorite'
  readonly count?: number
}

/** The lines of a .jsonl or .jsonl.gz file; an id that comes again counts once. */
export function readDiscussionLines(path: string): readonly Line[] {
  const bytes = readFileSync(path)
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
  const lines = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as Line)
  const seen = new Set<string>()
  return lines.filter((line) => !seen.has(line.id) && seen.add(line.id))
}

export function expectedThreads(lines: readonly Line[]): ReadonlyMap<string, ExpectedThread> {
  const threads = new Map<string, ExpectedThread>()
  const authors = new Map<string, Set<string>>()
  for (const line of lines) {
    if (line.type === 'thread') {
      threads.set(line.id, {
        threadId: line.id,
        courseId: line.course,
        viewCount: 0,
        commentCount: 0,
        upvotes: 0,
        downvotes: 0,
        accepts: 0,
        favorites: 0,
        participants: 0,
        engagementScore: 0,
        lastActivityAt: line.createdAt,
      })
      authors.set(line.id, new Set(line.author === null ? [] : [line.author]))
    }
    const thread = threads.get(line.threadId)
    if (thread === undefined) throw new Error(`line ${line.id} has no thread`)
    if (line.type === 'view') thread.viewCount += line.count ?? 0
    if (line.type === 'comment') {
      thread.commentCount++
      if (line.author !== null) authors.get(line.threadId)?.add(line.author)
    }
    if (line.vote === 'up') thread.upvotes++
    if (line.vote === 'down') thread.downvotes++
    if (line.vote === 'accept') thread.accepts++
    if (line.vote === 'favorite') thread.favorites++
    if (line.createdAt > thread.lastActivityAt) thread.lastActivityAt = line.createdAt
  }
  for (const thread of threads.values()) {
    thread.participants = authors.get(thread.threadId)?.size ?? 0
    thread.engagementScore =
      thread.viewCount + 5 * thread.commentCount + 3 * (thread.upvotes + thread.downvotes)
  }
  return threads
}

/** A course's threads by engagement, ties by thread id. With `sinceDay`, only what happened on that UTC day or later counts. */
export function expectedTop(
  lines: readonly Line[],
  courseId: string,
  sinceDay?: string,
): readonly { readonly threadId: string; readonly engagementScore: number }[] {
  const scores = new Map<string, number>()
  for (const line of lines) {
    if (
      line.course !== courseId ||
      (sinceDay !== undefined && line.createdAt.slice(0, 10) < sinceDay)
    )
      continue
    const weight =
      line.type === 'view'
        ? (line.count ?? 0)
        : line.type === 'comment'
          ? 5
          : line.vote === 'up' || line.vote === 'down'
            ? 3
            : 0
    scores.set(line.threadId, (scores.get(line.threadId) ?? 0) + weight)
  }
  return [...scores]
    .map(([threadId, engagementScore]) => ({ threadId, engagementScore }))
    .toSorted((a, b) => b.engagementScore - a.engagementScore || (a.threadId < b.threadId ? -1 : 1))
}
