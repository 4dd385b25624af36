import { callerOf, ProblemError, type FastifyReply, type FastifyRequest } from '@millrace/runtime'
import type { Static } from 'typebox'
import type { CommentRow } from '../sql/read-comments.ts'
import type { ThreadRow } from '../sql/read-thread.ts'
import type { CommentSchema, ThreadSchema } from './schemas.ts'

type WireThread = Static<typeof ThreadSchema>

export function threadToWire<Row extends ThreadRow>(
  row: Row,
): Omit<Row, keyof WireThread> & WireThread {
  return {
    ...row,
    viewCount: Number(row.viewCount),
    createdAt: row.createdAt.toISOString(),
    editedAt: row.editedAt?.toISOString() ?? null,
  }
}

export function commentToWire(row: CommentRow): Static<typeof CommentSchema> {
  return {
    ...row,
    // Who wrote a deleted comment is nobody's business any more.
    authorId: row.isDeleted ? null : row.authorId,
    createdAt: row.createdAt.toISOString(),
    editedAt: row.editedAt?.toISOString() ?? null,
  }
}

/** Tells the client under which id it can follow what it did; nothing when nothing was changed. */
export function tellEvent(reply: FastifyReply, eventId: string | null): void {
  if (eventId !== null) void reply.header('x-event-id', eventId)
}

/** Who reads, where anybody may. */
export function readerOf(request: FastifyRequest): string | null {
  return callerOf(request)?.userId ?? null
}

/** @throws ProblemError 400 naming the fields that hold nothing but white space */
export function refuseBlank(texts: Readonly<Record<string, string | undefined>>): void {
  const blank = Object.keys(texts).filter((field) => texts[field]?.trim() === '')
  if (blank.length === 0) return
  throw new ProblemError(
    400,
    'MR_HTTP_VALIDATION',
    `The body of the request does not fit: ${blank.join(', ')} must not be blank. Nothing was changed.`,
    { errors: blank.map((field) => ({ field, reason: 'must not be blank', in: 'body' })) },
  )
}

/** The row that an act has just made or changed. */
export function found<Row>(row: Row | undefined): Row {
  if (row === undefined) throw new Error('A row that this transaction holds locked is not there')
  return row
}
