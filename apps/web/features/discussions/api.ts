import { type Answer, request } from '../../lib/http.ts'
import { toThread, toThreadPage } from './mappers.ts'
import type { PostRef, Thread, ThreadPage, VoteValue } from './model.ts'

const base = '/api/discussions/threads'
const at = (threadId: string): string => `${base}/${encodeURIComponent(threadId)}`

/** Threads fetched at a time. */
export const pageSize = 20

export async function listThreads(
  query: { readonly courseId: string | null; readonly cursor: string | null },
  signal?: AbortSignal,
): Promise<ThreadPage> {
  const search = new URLSearchParams({ limit: String(pageSize) })
  if (query.courseId !== null) search.set('courseId', query.courseId)
  if (query.cursor !== null) search.set('cursor', query.cursor)
  const { body } = await request(`${base}?${search}`, { signal })
  return toThreadPage(body)
}

/** Reads a thread. With `track` this counts as a view and writes an event, whose ids come with the answer. */
export async function getThread(
  threadId: string,
  options: { readonly track: boolean; readonly signal?: AbortSignal },
): Promise<{ readonly thread: Thread; readonly answer: Answer }> {
  const path = options.track ? at(threadId) : `${at(threadId)}?track=false`
  const answer = await request(path, { signal: options.signal })
  return { thread: toThread(answer.body), answer }
}

export function createThread(input: {
  readonly courseId: string
  readonly title: string
  readonly content: string
}): Promise<Answer> {
  return request(base, { method: 'POST', body: input })
}

export function editThread(
  threadId: string,
  change: { readonly title: string; readonly content: string },
): Promise<Answer> {
  return request(at(threadId), { method: 'PATCH', body: change })
}

export function deleteThread(threadId: string): Promise<Answer> {
  return request(at(threadId), { method: 'DELETE' })
}

export function addComment(
  threadId: string,
  input: { readonly content: string; readonly parentId: string | null },
): Promise<Answer> {
  const { content, parentId } = input
  const body = parentId === null ? { content } : { content, parentId }
  return request(`${at(threadId)}/comments`, { method: 'POST', body })
}

export function editComment(threadId: string, commentId: string, content: string): Promise<Answer> {
  return request(commentAt(threadId, commentId), { method: 'PATCH', body: { content } })
}

export function deleteComment(threadId: string, commentId: string): Promise<Answer> {
  return request(commentAt(threadId, commentId), { method: 'DELETE' })
}

/** Casts, changes or (with 0) withdraws the reader's vote on a thread or comment. */
export function setVote(post: PostRef, value: VoteValue): Promise<Answer> {
  const owner =
    post.commentId === null ? at(post.threadId) : commentAt(post.threadId, post.commentId)
  return value === 0
    ? request(`${owner}/votes`, { method: 'DELETE' })
    : request(`${owner}/votes`, { method: 'POST', body: { value } })
}

function commentAt(threadId: string, commentId: string): string {
  return `${at(threadId)}/comments/${encodeURIComponent(commentId)}`
}
